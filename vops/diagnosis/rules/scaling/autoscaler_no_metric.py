"""An autoscaler gets no value for its metric, and so does nothing.

What it finds
    An HPA that cannot compute (FailedGetExternalMetric and its kin), a ScaledObject whose triggers fail or fall back,
    or a trigger whose query Prometheus answers with nothing while servers are ready. The reason is read from the words
    of whoever asked: address, credentials, certificate, query, missing requests, an adapter that is down.

Why it matters
    KEDA takes an empty answer for 0 unless ignoreNullValues is "false": it reports Ready and never scales.

Evidence
    The condition, the newest event with the error, the trigger's address and query.

Fix
    `fix-scaling-query` with the address of the Prometheus where the trigger's leads nowhere and the cluster has one
    that can be meant; else by hand, at the trigger or at what serves the metric: credentials, certificates and the
    rules of an adapter are not to be seen from here. A metric that the servers do not have, or that lost its labels, is
    named by rules of its own.
"""

from __future__ import annotations

import re
from datetime import timedelta

from vops.diagnosis import remedies
from vops.diagnosis.autoscaling import scaler_errors, scaling
from vops.diagnosis.autoscaling.scaler_errors import Complaint, Failure
from vops.diagnosis.autoscaling.scaling import Signal
from vops.diagnosis.facts import ScalerFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.dialects import METRIC_NAMES
from vops.model.network import Service
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_ABOUT_PODS = frozenset({"unready", "custom", "empty", "unknown-metric"})
_ADDRESS = frozenset({"name", "refused", "timeout", "path"})
_PROMETHEUS = lazy_pattern(r"prometheus|^vmsingle|^vmselect|thanos-query(?!-frontend-)|^mimir-nginx")
_NOT_PROMETHEUS = lazy_pattern(
    r"alertmanager|node-exporter|kube-state|pushgateway|adapter|blackbox|(?:^|-)operator$|thanos-sidecar|webhook"
    r"|grafana"
    r"|coredns|kubelet|etcd|kube-(?:dns|proxy|scheduler|controller)"
)
_PORTS = frozenset({80, 8080, 8427, 8428, 8481, 9090})
_SHOWN = 3
_SETTLING = timedelta(minutes=2)
"""Within this time metrics-server and Prometheus have scraped a pod that has just become ready."""


@rule(cause="autoscaler-no-metric", branch=Branch.SCALE, of=ScalerFacts, order=30)
def autoscaler_no_metric(scaler: ScalerFacts) -> Verdict | None:
    told = scaler_errors.complaints(scaler)
    if not told:
        return _silent(scaler)
    found = scaler_errors.classified(told)
    if found is not None and found[0].name in _ABOUT_PODS and (_nobody_to_ask(scaler) or _just_begun(scaler)):
        return None
    return _says(scaler, told, found)


def _nobody_to_ask(scaler: ScalerFacts) -> bool:
    """Whether servers are wanted and none is ready: they are the cause, not the autoscaler."""
    workload = scaler.workload
    known = scaler.facts.snapshot.source(Source.PODS).usable
    return known and workload is not None and workload.desired > 0 and workload.ready == 0


def _just_begun(scaler: ScalerFacts) -> bool:
    """Whether it has failed for so short that the metrics of new pods may only be on their way.

    Where nothing of what was handed in is newer, nobody knows for how long.
    """
    active = scaler.hpa.condition("ScalingActive") if scaler.hpa is not None else None
    since = active.last_transition_time if active is not None and active.status == "False" else None
    return since is not None and timedelta(0) < scaler.facts.snapshot.at - since < _SETTLING


def _says(scaler: ScalerFacts, told: tuple[Complaint, ...], found: tuple[Failure, Complaint] | None) -> Verdict:
    what = found[0].what if found is not None else "its metric cannot be had"
    steps = found[0].steps if found is not None else ("kubectl describe it: its events name the error.",)
    first = found[1] if found is not None else told[0]
    others = [item.shown for item in told if item is not first]
    return Verdict(
        summary=f"{scaling.named(scaler)} gets no metric and does not scale {scaling.target_named(scaler)}: {what}",
        evidence=(first.shown, *others[: _SHOWN - 1], *_addresses(scaler), *_missing_service(scaler)),
        confidence=Confidence.CERTAIN if found is not None else Confidence.STRONG,
        fixes=(*_addressed(scaler, found), _fix(scaler, (*steps, *_newer_names(first.text)))),
    )


def _newer_names(text: str) -> tuple[str, ...]:
    """What metrics that somebody asks for by an old name are called now."""
    old = (item for item in METRIC_NAMES if item.until and item.instead and item.name in text)
    return tuple(
        f"vLLM {'.'.join(map(str, item.until[:2]))} and newer call vllm:{item.name} vllm:{item.instead}: ask for that."
        for item in old
        if item.until and not re.search(rf"\w{item.name}", text)
    )


def _addressed(scaler: ScalerFacts, found: tuple[Failure, Complaint] | None) -> tuple[Fix, ...]:
    """The address of the only Prometheus, where that of a trigger leads nowhere."""
    address = prometheus_address(scaler)
    if found is None or found[0].name not in _ADDRESS or not address or scaler.scaled_object is None:
        return ()
    for index, trigger in enumerate(scaler.scaled_object.spec.triggers):
        asked = trigger.metadata.get("serverAddress", "")
        if trigger.type == "prometheus" and asked in found[1].text and asked.rstrip("/") != address:
            title = f"Ask Prometheus at {address}"
            params = {"trigger": index, "server_address": address}
            return (remedies.of_object("fix-scaling-query", title, Applicability.ASK, scaler.ref, params),)
    return ()


def prometheus_address(scaler: ScalerFacts) -> str:
    """Where the Prometheus of the cluster is reached, by its Service; empty unless one alone can be meant."""
    found = [item for item in scaler.facts.all(Service) if _PROMETHEUS.search(item.metadata.name)]
    found = [item for item in found if not _NOT_PROMETHEUS.search(item.metadata.name)]
    chosen = [item for item in found if item.spec.cluster_ip != "None"] or found
    ports = [port.port for item in chosen for port in item.spec.ports if port.port in _PORTS]
    if len(chosen) != 1 or not ports:
        return ""
    meta = chosen[0].metadata
    return f"http://{meta.name}.{meta.namespace}.svc:{ports[0]}"


def _silent(scaler: ScalerFacts) -> Verdict | None:
    """A query that Prometheus answers with nothing while there are servers that should be counted."""
    if scaler.workload is None or not scaler.workload.ready:
        return None
    empty = [item for item in scaling.signals(scaler) if scaling.is_empty(scaling.answer(scaler, item.query))]
    if not empty:
        return None
    signal, ready = empty[0], scaler.workload.ready
    return Verdict(
        summary=f"{scaling.named(scaler)} scales by nothing: its query has no result although {ready} "
        f"{'replica is' if ready == 1 else 'replicas are'} ready, and KEDA takes that for 0",
        evidence=(
            scaling.field_of(scaler, f"spec.triggers[{signal.trigger}].metadata.query", signal.query),
            Evidence("prometheus", signal.query, "no series", "one series"),
        ),
        confidence=Confidence.STRONG,
        fixes=(
            _fix(
                scaler,
                (
                    "See that Prometheus scrapes the servers: count(vllm:num_requests_running), and a PodMonitor or "
                    "ServiceMonitor that selects them.",
                    "Then run the query with fewer label matchers until it has a result.",
                    f'Set ignoreNullValues: "false" and a fallback, so that this is an error next time '
                    f"(spec.triggers[{signal.trigger}].metadata).",
                ),
            ),
        ),
    )


def _addresses(scaler: ScalerFacts) -> tuple[Evidence, ...]:
    shown = [item for item in scaling.signals(scaler) if item.query]
    return tuple(_trigger(scaler, item) for item in shown[:1])


def _trigger(scaler: ScalerFacts, signal: Signal) -> Evidence:
    scaled = scaler.scaled_object
    metadata = (
        scaled.spec.triggers[signal.trigger].metadata if scaled is not None and signal.trigger is not None else {}
    )
    return scaling.field_of(
        scaler,
        f"spec.triggers[{signal.trigger}].metadata",
        f"serverAddress {metadata.get('serverAddress', 'not given')}, query {signal.query}",
    )


def _missing_service(scaler: ScalerFacts) -> tuple[Evidence, ...]:
    """That the Service in an address is not there, where the Services of its namespace were read."""
    scaled = scaler.scaled_object
    for trigger in scaled.spec.triggers if scaled is not None else ():
        host = trigger.metadata.get("serverAddress", "").partition("://")[2].partition("/")[0].partition(":")[0]
        name, _, rest = host.partition(".")
        namespace = rest.partition(".")[0] or scaler.namespace
        here = [item.metadata.name for item in scaler.facts.all(Service) if item.metadata.namespace == namespace]
        if name and here and name not in here and ("." not in rest or rest.split(".")[1] == "svc"):
            return (Evidence("service", f"{namespace}/{name}", f"not there; there are {', '.join(sorted(here)[:5])}"),)
    return ()


def _fix(scaler: ScalerFacts, steps: tuple[str, ...]) -> Fix:
    return remedies.advice("Give the autoscaler its metric", scaling.edit(scaler), *steps)
