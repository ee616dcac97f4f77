"""An autoscaler asks for a metric by a name that its servers do not use.

What it finds
    A query with a metric that the target's version of vLLM does not export: gpu_cache_usage_perc is hidden since 0.11
    and gone in 0.12, kv_cache_usage_perc is new in 0.9.2, time_per_output_token_seconds is hidden since 0.12. A counter
    without `_total`, which no version exports. A name that no version knows, when Prometheus has no result for it.
    A query that names both (`new or old`) is right for every version.

Why it matters
    The query is valid and empty, KEDA takes that for 0, and nothing scales after an upgrade.

Evidence
    The query, the target's image, and Prometheus' empty answer where there is one.

Fix
    `fix-scaling-query`, else by hand: the query with the name that this version uses.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

import msgspec

from vops.diagnosis import remedies
from vops.diagnosis.autoscaling import queries, scaling
from vops.diagnosis.autoscaling.scaling import Signal
from vops.diagnosis.facts import ScalerFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.dialects import COUNTERS, ENGINE_METRICS, METRIC_NAMES, Version
from vops.model.patterns import lazy_pattern
from vops.model.serving import EngineArgs

_PREFIXED = lazy_pattern(r"(vllm[:_])(\w+?)((?:_bucket|_sum|_count)?)", re.ASCII)
_HISTOGRAMS = frozenset({*ENGINE_METRICS.ttft, *ENGINE_METRICS.itl, *ENGINE_METRICS.queue_time, *ENGINE_METRICS.e2e})


class Wrong(msgspec.Struct, frozen=True):
    """A name that is not exported, why, and the whole name to use instead (empty where there is none)."""

    name: str
    why: str
    instead: str
    certain: bool


@rule(cause="metric-renamed", branch=Branch.SCALE, of=ScalerFacts, explains={"autoscaler-no-metric"}, order=20)
def metric_renamed(scaler: ScalerFacts) -> Verdict | None:
    for signal in map(_asked, scaling.signals(scaler)):
        if not signal.query or queries.alternatives(signal.query):
            continue
        found = scaling.answer(scaler, signal.query)
        if found is not None and found.series:
            continue
        wrong = _wrong(scaler, signal, is_empty=scaling.is_empty(found))
        if wrong is not None:
            return _says(scaler, signal, wrong)
    return None


def _asked(signal: Signal) -> Signal:
    """A metric of the servers that an adapter serves to the HPA, as the query for it."""
    named = not signal.query and _PREFIXED.fullmatch(signal.name) is not None
    return msgspec.structs.replace(signal, query=signal.name) if named else signal


def _wrong(scaler: ScalerFacts, signal: Signal, *, is_empty: bool) -> Wrong | None:
    args = _args(scaler)
    version = args.version if args is not None and args.location("show-hidden-metrics-for-version") is None else None
    for metric in queries.metrics(signal.query):
        match = _PREFIXED.fullmatch(metric)
        if match is None:
            continue
        wrong = _counter(metric, match[2]) or _of_another_version(match, version)
        if wrong is None and is_empty:
            wrong = _unheard(metric, match)
        if wrong is not None:
            return wrong
    return None


def _counter(metric: str, name: str) -> Wrong | None:
    if name not in COUNTERS:
        return None
    return Wrong(metric, "a counter is exported with _total at its end", f"{metric}_total", certain=True)


def _of_another_version(match: re.Match[str], version: Version | None) -> Wrong | None:
    known = next((item for item in METRIC_NAMES if item.name == match[2]), None)
    if known is None or version is None or known.exported_by(version):
        return None
    word = ".".join(map(str, version))
    until = ".".join(map(str, known.until[:2])) if known.until and version >= known.until else ""
    why = f"vLLM {word} does not export it" + (f" (gone since {until})" if until else " yet")
    return Wrong(match[0], why, f"{match[1]}{known.instead}{match[3]}" if known.instead else "", certain=True)


def _unheard(metric: str, match: re.Match[str]) -> Wrong | None:
    """A name that is in no version's list, or has an underscore for the colon."""
    plain = {name for field in msgspec.structs.astuple(ENGINE_METRICS) for name in field} | {
        item.name for item in METRIC_NAMES
    }
    known = match[2] in plain or match[2] + match[3] in plain
    if known and match[1] == "vllm_":
        return Wrong(metric, "vLLM's names begin with vllm:", f"vllm:{match[2]}{match[3]}", certain=False)
    if known or f"{match[2]}_total" in plain:
        return None
    near = get_close_matches(match[2], plain, n=1, cutoff=0.75)
    ending = match[3] if near and near[0] in _HISTOGRAMS else ""
    if not near:
        return None
    return Wrong(metric, "no known version of vLLM has it", f"vllm:{near[0]}{ending}", certain=False)


def _args(scaler: ScalerFacts) -> EngineArgs | None:
    workload = scaler.workload
    if workload is None:
        return None
    replica = next(iter(workload.replicas), None)
    if replica is not None:
        return replica.args
    return EngineArgs.of(workload.container) if workload.container is not None else None


def _says(scaler: ScalerFacts, signal: Signal, wrong: Wrong) -> Verdict:
    workload = scaler.workload
    container = workload.container if workload is not None else None
    image = (Evidence("workload", f"{workload.name} image", container.image),) if workload and container else ()
    empty = scaling.is_empty(scaling.answer(scaler, signal.query))
    answered = (Evidence("prometheus", signal.query, "no series", "one series"),) if empty else ()
    where = f"spec.triggers[{signal.trigger}].metadata.query" if signal.trigger is not None else signal.where
    instead = f", use {wrong.instead}" if wrong.instead else ""
    return Verdict(
        summary=f"{scaling.named(scaler)} asks for {wrong.name}, which is never there: {wrong.why}{instead}",
        evidence=(scaling.field_of(scaler, where, signal.query, wrong.instead), *image, *answered),
        confidence=Confidence.CERTAIN if wrong.certain else Confidence.PROBABLE,
        severity=Severity.ERROR,
        fixes=(_fix(scaler, signal, wrong, where),),
    )


def _fix(scaler: ScalerFacts, signal: Signal, wrong: Wrong, where: str) -> Fix:
    if not wrong.instead:
        return remedies.advice(
            "Follow a metric that this version has",
            scaling.edit(scaler),
            f"Set {where}: sum(vllm:num_requests_waiting), with a threshold of 3 to 5.",
        )
    title, query = f"Ask for {wrong.instead}", renamed(signal.query, wrong.name, wrong.instead)
    if scaler.scaled_object is None or signal.trigger is None:
        return remedies.advice(title, scaling.edit(scaler), f"Set {where}: {query}")
    params = {"trigger": signal.trigger, "query": query}
    return remedies.of_object("fix-scaling-query", title, Applicability.SAFE, scaler.ref, params)


def renamed(query: str, old: str, new: str) -> str:
    """A query with one metric's name replaced."""
    return re.sub(rf"(?<![\w:]){re.escape(old)}(?![\w:])", new, query)
