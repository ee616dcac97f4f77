"""Why an autoscaler gets no metric, in the words of those who asked for it: the HPA controller, KEDA, an adapter.

Sources: Kubernetes' pkg/controller/podautoscaler and its metrics clients, KEDA's scale handler, metrics server and
Prometheus scaler (2.8 to 2.20), prometheus-adapter, and Go's net/http for what lies below them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

import msgspec

from vops.diagnosis import evidence
from vops.diagnosis.autoscaling import scaling
from vops.diagnosis.facts import ScalerFacts
from vops.diagnosis.findings import Evidence
from vops.model.patterns import lazy_pattern

_RECENT = timedelta(minutes=15)
_EVENTS = frozenset({"KEDAScalerFailed", "KEDAMetricSourceFailed", "TriggerAuthenticationFailed"})
_NOT_METRICS = frozenset({"FailedGetScale", "FailedUpdateScale", "FailedRescale"})


class Failure(msgspec.Struct, frozen=True):
    """A kind of failure: how its texts look, what it is in a sentence, and what to do."""

    name: str
    pattern: re.Pattern[str]
    what: str
    steps: tuple[str, ...]


_CHECK_QUERY = "Run the query in Prometheus; KEDA needs exactly one number: wrap it in sum(…) where there are several."
FAILURES: tuple[Failure, ...] = (
    Failure(
        "empty",
        lazy_pattern(
            r"target may be lost|the result is empty|the value list is empty|query returned (?:empty|no) result"
        ),
        "its query has no result",
        ("Run the query in Prometheus without its label matchers, then add them one at a time.",),
    ),
    Failure(
        "several",
        lazy_pattern(r"returned multiple elements"),
        "its query gives several series instead of one number",
        ("Aggregate to one number: sum(…) without `by`.",),
    ),
    Failure(
        "name",
        lazy_pattern(r"no such host|server misbehaving|name resolution|lookup \S+ .{0,40}(?:i/o timeout|refused)"),
        "the name of the metrics server cannot be resolved",
        ("Set serverAddress to http://SERVICE.NAMESPACE.svc:PORT of a Service that exists: kubectl get services -A",),
    ),
    Failure(
        "refused",
        lazy_pattern(r"connection refused|no route to host|connection reset"),
        "nothing answers at the address of the metrics server",
        ("Set serverAddress to the port that the Service offers: kubectl get services -A | grep -i prometheus",),
    ),
    Failure(
        "authentication",
        lazy_pattern(
            r"status(?: code)?: ?40[13]\b|\b(?:401|403) (?:Unauthorized|Forbidden)|Unauthorized|authentication"
        ),
        "the metrics server refuses its credentials",
        (
            "Give the trigger an authenticationRef with a TriggerAuthentication, and authModes in its metadata (a CA "
            "or a token without authModes is ignored).",
        ),
    ),
    Failure(
        "tls",
        lazy_pattern(r"x509: |tls: |certificate (?:signed by unknown|has expired|is not valid)"),
        "the certificate of the metrics server is not accepted",
        ("Give the TriggerAuthentication the ca, with authModes: tls; or use the plain HTTP port.",),
    ),
    Failure(
        "path",
        lazy_pattern(r"status(?: code)?: ?404\b|\b404 page not found|404 Not Found"),
        "there is no Prometheus API under its address",
        ("Take the path off serverAddress, or add the prefix that the server is reached under (/prometheus).",),
    ),
    Failure(
        "query",
        lazy_pattern(r"status(?: code)?: ?(?:400|422)\b|parse error|bad_data|invalid parameter .?query"),
        "the metrics server does not understand its query",
        (_CHECK_QUERY,),
    ),
    Failure(
        "server",
        lazy_pattern(r"status(?: code)?: ?5\d\d\b|\b50[234] "),
        "the metrics server answers with an error of its own",
        ("Look at Prometheus itself: kubectl get pods -A | grep -i prometheus, and its log.",),
    ),
    Failure(
        "reference",
        lazy_pattern(
            r"(?:Cluster)?TriggerAuthentication\S* \"?[\w.-]+\"? not found|error resolving (?:auth|secret)"
            r"|secrets \"[^\"]+\" not found"
        ),
        "what its authenticationRef names is not there",
        ("Create the TriggerAuthentication (same namespace) and the Secret that it names, or correct the names.",),
    ),
    Failure(
        "metadata",
        lazy_pattern(
            r"error parsing \w+ metadata|unable to set param|no (?:query|serverAddress|threshold) given"
            r"|error parsing (?:metadata|threshold)|correct (?:triggers|Idle/Min/Max Replica Counts) specification"
            r"|only cpu/memory triggers|no scaler found for type"
            r"|missing required parameter"
        ),
        "a trigger is not written as KEDA wants it",
        ("Give the trigger what its type needs: serverAddress, query and threshold, all as strings.",),
    ),
    Failure(
        "cpu-request",
        lazy_pattern(r"missing request for (\w+)"),
        "a container of the pods has no request for what it is scaled by",
        ("Set resources.requests for that resource in every container of the pod, sidecars too.",),
    ),
    Failure(
        "metrics-server",
        lazy_pattern(
            r"(?:get|list) (?:pods|nodes)\.metrics\.k8s\.io|unable to fetch metrics from (?:resource metrics )?API: the"
            r" server (?:could not find|is currently unable)"
        ),
        "the cluster has no working metrics-server",
        ("Install metrics-server, or scale by the queue of vLLM instead of cpu and memory.",),
    ),
    Failure(
        "adapter",
        lazy_pattern(
            r"(?:external|custom)\.metrics\.k8s\.io|server (?:could not find the requested resource|is currently unable"
            r" to handle the request)|gRPC connection to KEDA Metrics Service"
        ),
        "nobody serves its metric to the HPA: the metrics adapter does not answer",
        (
            "kubectl get apiservices | grep metrics.k8s.io: each must be Available.",
            "Then look at its pods: kubectl -n keda get pods; the operator and keda-operator-metrics-apiserver.",
        ),
    ),
    Failure(
        "timeout",
        lazy_pattern(r"i/o timeout|context deadline exceeded|Client\.Timeout|TLS handshake timeout"),
        "the metrics server does not answer in time",
        ("Check serverAddress, and that no NetworkPolicy keeps KEDA from it.",),
    ),
    Failure(
        "unknown-to-adapter",
        lazy_pattern(r"custom metrics API: the server could not find the metric \S{1,253} for \w"),
        "the metrics adapter does not know its metric",
        (
            "See what it serves: kubectl get --raw /apis/custom.metrics.k8s.io/v1beta1",
            "If that is an empty list, its log says why: kubectl get pods -A | grep -i adapter (--prometheus-url must "
            "lead to a Prometheus that answers).",
            "Else give it a rule whose seriesQuery finds the series in Prometheus, with overrides for the labels of "
            "namespace and pod.",
        ),
    ),
    Failure(
        "custom",
        lazy_pattern(r"no metrics returned from custom metrics API"),
        "the adapter has no value of its metric for the pods of its target",
        (
            "Look at the pods first: kubectl get pods; then ask as the HPA does: kubectl get --raw "
            '"/apis/custom.metrics.k8s.io/v1beta1/namespaces/NAMESPACE/pods/*/METRIC".',
            "NAMESPACE is the HPA's own: it sees neither pods nor metrics of another one, so it must be where its "
            "target is. The series must have the labels namespace and pod, and the adapter a rule for them.",
        ),
    ),
    Failure(
        "unready",
        lazy_pattern(
            r"did not receive metrics for (?:targeted|any ready) pods"
            r"|no metrics returned from resource metrics API|no metrics known for pod"
        ),
        "no pod that is ready has metrics",
        ("Look at the pods first: kubectl get pods; then at what collects their metrics.",),
    ),
    Failure(
        "unknown-metric",
        lazy_pattern(
            r"no matching metrics found|no metrics returned from external metrics API|encountered error"
            r"|unable to (?:get|fetch)"
        ),
        "its metric cannot be had",
        (
            "kubectl describe the ScaledObject and the HPA: the events name the error.",
            "kubectl -n keda logs deploy/keda-operator | grep -i error",
        ),
    ),
)
"""The more telling first."""


class Complaint(msgspec.Struct, frozen=True):
    """One place where a failure is told."""

    text: str
    shown: Evidence


def complaints(scaler: ScalerFacts) -> tuple[Complaint, ...]:
    """What says now that a metric is missing: conditions that do, and the recent events behind them."""
    told = tuple(_conditions(scaler))
    works = scaler.hpa is not None and (active := scaler.hpa.condition("ScalingActive")) is not None
    if not told and works and active is not None and active.status == "True":
        return ()
    return (*told, *_recent(scaler))


def classified(found: Iterable[Complaint]) -> tuple[Failure, Complaint] | None:
    """The most telling kind of failure among them; None when none is known."""
    told = list(found)
    hits = ((failure, item) for failure in FAILURES for item in told if failure.pattern.search(item.text))
    return next(hits, None)


def _conditions(scaler: ScalerFacts) -> Iterable[Complaint]:
    scaled, hpa = scaler.scaled_object, scaler.hpa
    active = hpa.condition("ScalingActive") if hpa is not None else None
    failed = active is not None and active.status == "False" and _about_metrics(active.reason)
    if hpa is not None and active is not None and failed:
        yield Complaint(active.message, scaling.condition(hpa, active))
    for type_ in ("Ready", "HPAActive") if scaled is not None else ():
        told = scaled.condition(type_) if scaled is not None else None
        if scaled is not None and told is not None and told.status != "True" and _keda_says(told.reason, told.message):
            yield Complaint(told.message, scaling.condition(scaled, told))
    fallback = scaled.condition("Fallback") if scaled is not None else None
    if scaled is not None and fallback is not None and fallback.status == "True":
        yield Complaint(fallback.message, scaling.condition(scaled, fallback))


def _about_metrics(reason: str) -> bool:
    metric = reason.startswith("FailedGet") or reason in ("FailedComputeMetricsReplicas", "InvalidMetricSourceType")
    return metric and reason not in _NOT_METRICS


def _keda_says(reason: str, message: str) -> bool:
    if reason == "ScaledObjectCheckFailed":
        return any(
            word in message
            for word in (
                "triggers spec",
                "Replica Counts",
                "cpu/memory triggers",
                "scaler",
                "metric",
                "HPA is correctly created",
            )
        )
    return reason in ("TriggerError", "PartialTriggerError", "HPAMetricsUnavailable") or _about_metrics(reason)


def _recent(scaler: ScalerFacts) -> Iterable[Complaint]:
    for event in reversed(scaler.events):
        about = event.reason in _EVENTS or _about_metrics(event.reason)
        seen = event.last_seen
        if about and (seen is None or scaler.facts.snapshot.at - seen <= _RECENT):
            yield Complaint(event.message, evidence.event(event))
