"""A query asks for GPU metrics by the labels of a pod, and the scrape has renamed these labels.

What it finds
    A query that selects DCGM metrics by pod, namespace or container, while the exporter's ServiceMonitor (or
    PodMonitor) does not honour labels, or the Prometheus object overrides that: `pod` then is the exporter itself, and
    the server's name is in `exported_pod`.
    And the reverse, a query for `exported_pod` where labels are honoured and Prometheus has no result.

Why it matters
    Exporter, Prometheus and KEDA all are healthy, and the query is empty: KEDA takes that for 0 and never scales.

Evidence
    The label condition in the query, honorLabels of the monitor, and Prometheus' empty answer where there is one.

Fix
    `fix-metric-labels` or `fix-scaling-query`, else by hand: honorLabels: true at the monitor's endpoint. Where the
    Prometheus object has overrideHonorLabels: true that changes nothing, and the query must ask for the exported_
    labels.
"""

from __future__ import annotations

import re

from vops.diagnosis import remedies
from vops.diagnosis.autoscaling import queries, scaling
from vops.diagnosis.autoscaling.queries import Matcher
from vops.diagnosis.autoscaling.scaling import Signal
from vops.diagnosis.facts import Facts, ScalerFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.monitoring import PodMonitor, PrometheusServer, ScrapeEndpoint, ServiceMonitor
from vops.model.objects import Ref

_LABELS = frozenset({"pod", "container", "namespace"})
_EXPORTED = frozenset(f"exported_{name}" for name in _LABELS)
Monitor = ServiceMonitor | PodMonitor


@rule(cause="metric-labels-lost", branch=Branch.SCALE, of=ScalerFacts, explains={"autoscaler-no-metric"}, order=22)
def metric_labels_lost(scaler: ScalerFacts) -> Verdict | None:
    for signal in scaling.signals(scaler):
        found = scaling.answer(scaler, signal.query)
        if not signal.query or queries.alternatives(signal.query) or (found is not None and found.series):
            continue
        verdict = _lost(scaler, signal, is_empty=scaling.is_empty(found))
        if verdict is not None:
            return verdict
    return None


def _lost(scaler: ScalerFacts, signal: Signal, *, is_empty: bool) -> Verdict | None:
    asked = [item for item in queries.matchers(signal.query) if item.metric.startswith("DCGM_FI_") and item.value]
    plain = [item for item in asked if item.label in _LABELS and item.operator in ("=", "=~")]
    exported = [item for item in asked if item.label in _EXPORTED]
    monitors = exporter_monitors(scaler.facts)
    over = overriding(scaler.facts)
    dropping = [(item, end) for item in monitors for end in endpoints(item) if not honours(end, over)]
    keeping = [(item, end) for item in monitors for end in endpoints(item) if honours(end, over)]
    if plain and dropping and not keeping and not _about_exporter(plain, dropping[0][0]):
        ruled = over if over is not None and honours(dropping[0][1]) else None
        return _says(scaler, signal, plain, dropping[0][0], is_empty=is_empty, over=ruled)
    if exported and keeping and not dropping and is_empty:
        return _reversed(scaler, signal, exported, keeping[0][0])
    return None


def exporter_monitors(facts: Facts) -> tuple[Monitor, ...]:
    """The monitors that scrape DCGM exporters, by their names, labels or selectors."""
    every: tuple[Monitor, ...] = (*facts.all(ServiceMonitor), *facts.all(PodMonitor))
    return tuple(item for item in every if any("dcgm" in text for text in _texts(item)))


def _texts(monitor: Monitor) -> tuple[str, ...]:
    meta, labels = monitor.metadata, monitor.spec.selector.match_labels
    return (meta.name, *meta.labels.values(), *labels.values())


def endpoints(monitor: Monitor) -> tuple[ScrapeEndpoint, ...]:
    return monitor.spec.endpoints if isinstance(monitor, ServiceMonitor) else monitor.spec.pod_metrics_endpoints


def overriding(facts: Facts) -> PrometheusServer | None:
    """The Prometheus that turns honorLabels off in every monitor; None where one does not, which may be the one."""
    servers = facts.all(PrometheusServer)
    over = [item for item in servers if item.spec.override_honor_labels]
    return over[0] if over and len(over) == len(servers) else None


def honours(endpoint: ScrapeEndpoint, over: PrometheusServer | None = None) -> bool:
    """Whether a series keeps its own `pod`, by honorLabels (unless overridden) or by being renamed back."""
    back = (str(item.get("targetLabel", "")) for item in endpoint.metric_relabelings)
    return (endpoint.honor_labels and over is None) or "pod" in back


def _about_exporter(asked: list[Matcher], monitor: Monitor) -> bool:
    """Whether the query means the exporter's own pods, whose labels are the ones that stay."""
    return all(re.search("dcgm", item.value) or item.value == monitor.metadata.namespace for item in asked)


def _says(
    scaler: ScalerFacts,
    signal: Signal,
    asked: list[Matcher],
    monitor: Monitor,
    *,
    is_empty: bool,
    over: PrometheusServer | None,
) -> Verdict:
    conditions = ", ".join(f'{item.label}{item.operator}"{item.value}"' for item in asked)
    why = f"{type(monitor).__name__} {monitor.metadata.name} does not honour labels"
    if over is not None:
        why = f"Prometheus {over.metadata.name} overrides the labels that {monitor.metadata.name} honours"
    return Verdict(
        summary=f"{scaling.named(scaler)} asks for GPU metrics of its own pods ({conditions}), but {why}: they are in "
        "exported_pod",
        evidence=(
            scaling.field_of(scaler, f"spec.triggers[{signal.trigger}].metadata.query", signal.query),
            *_labels_evidence(monitor, over),
            *((Evidence("prometheus", signal.query, "no series", "one series"),) if is_empty else ()),
        ),
        confidence=Confidence.STRONG if is_empty else Confidence.PROBABLE,
        severity=Severity.ERROR if is_empty else Severity.WARNING,
        fixes=(_honour(scaler, monitor, signal) if over is None else _ask_exported(scaler, signal, over),),
    )


def _labels_evidence(monitor: Monitor, over: PrometheusServer | None) -> tuple[Evidence, ...]:
    kind, name = type(monitor).__name__.lower(), monitor.metadata.name
    if over is None:
        return (Evidence(kind, f"{name} honorLabels", "false", "true"),)
    return (
        Evidence("prometheus", f"{over.metadata.name} spec.overrideHonorLabels", "true", "false"),
        Evidence(kind, f"{name} honorLabels", "true, which is overridden"),
    )


def _ask_exported(scaler: ScalerFacts, signal: Signal, over: PrometheusServer) -> Fix:
    """The query, since the Prometheus is not the autoscaler's own."""
    where = f"spec.triggers[{signal.trigger}].metadata.query"
    note = (
        f"Or set overrideHonorLabels: false in {over.metadata.namespace}/{over.metadata.name}, if that Prometheus is "
        "yours: other teams' metrics change their labels with it.",
    )
    return _ask_by(scaler, signal, where, _exported(signal.query), note)


def _exported(query: str) -> str:
    return re.sub(r"(?<!exported_)\b(pod|container|namespace)(?=\s*(?:=~|=))", r"exported_\1", query)


def _honour(scaler: ScalerFacts, monitor: Monitor, signal: Signal) -> Fix:
    meta = monitor.metadata
    at = next(at for at, item in enumerate(endpoints(monitor)) if not honours(item))
    return remedies.of_object(
        "fix-metric-labels",
        "Let the GPU metrics keep the labels of their pods",
        Applicability.SAFE,
        Ref(type(monitor).__name__, meta.name, meta.namespace),
        {"endpoint": at, "autoscaler": scaler.name, "autoscaler_namespace": scaler.namespace},
        (
            "Where the Prometheus object has overrideHonorLabels: true this changes nothing; then ask for the others:",
            f"query: {_exported(signal.query)}",
        ),
    )


def _reversed(scaler: ScalerFacts, signal: Signal, asked: list[Matcher], monitor: Monitor) -> Verdict:
    plain = re.sub(r"\bexported_(pod|container|namespace)\b", r"\1", signal.query)
    where = f"spec.triggers[{signal.trigger}].metadata.query"
    return Verdict(
        summary=f"{scaling.named(scaler)} asks for {asked[0].label}, but {monitor.metadata.name} honours labels: the "
        f"label is {asked[0].label.removeprefix('exported_')}",
        evidence=(
            scaling.field_of(scaler, where, signal.query, plain),
            Evidence(type(monitor).__name__.lower(), f"{monitor.metadata.name} honorLabels", "true"),
            Evidence("prometheus", signal.query, "no series", "one series"),
        ),
        confidence=Confidence.STRONG,
        fixes=(_ask_by(scaler, signal, where, plain),),
    )


def _ask_by(scaler: ScalerFacts, signal: Signal, where: str, query: str, notes: tuple[str, ...] = ()) -> Fix:
    title = "Ask for the labels that are there"
    if scaler.scaled_object is None or signal.trigger is None:
        return remedies.advice(title, scaling.edit(scaler), f"Set {where}: {query}", *notes)
    params = {"trigger": signal.trigger, "query": query}
    return remedies.of_object("fix-scaling-query", title, Applicability.SAFE, scaler.ref, params, notes)
