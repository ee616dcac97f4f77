"""Somebody misses a metric that is there under another name, or under other labels, by their own words.

What it finds
    A series of DCGM that has exported_pod beside pod, and a query by the plain labels; or the old name of a metric of
    vLLM beside the new one. Both where these words are all that was handed in: with the autoscaler and its monitors at
    hand, metric-labels-lost and metric-renamed compare them.

Why it matters
    The query is valid and empty, and whatever scales by it does nothing.

Evidence
    The series, or the line with the old name.

Fix
    By hand: honorLabels: true at the monitor, or the exported_ labels in the query; the new name of the metric.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import STAND_IN, ScalerFacts
from vops.diagnosis.findings import Confidence, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.dialects import METRIC_NAMES
from vops.model.resources import Event


@rule(cause="metric-labels-lost", branch=Branch.SCALE, of=ScalerFacts, order=23)
def metric_labels_missed(scaler: ScalerFacts) -> Verdict | None:
    told = _told(scaler, "LabelsRenamed")
    if told is None:
        return None
    return Verdict(
        summary="The scrape renames the labels of the GPU metrics: pod is the exporter, and the server's name is in "
        "exported_pod",
        evidence=(evidence.event(told),),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "Let the GPU metrics keep the labels of their pods",
                "Set honorLabels: true at the endpoint of the exporter's ServiceMonitor or PodMonitor (dcgm-exporter's "
                "chart: serviceMonitor.honorLabels; honor_labels: true in a scrape config).",
                "Or ask for exported_pod and exported_namespace; a Prometheus with overrideHonorLabels: true leaves no "
                "other way.",
            ),
        ),
    )


@rule(cause="metric-renamed", branch=Branch.SCALE, of=ScalerFacts, order=21)
def metric_missed(scaler: ScalerFacts) -> Verdict | None:
    told = _told(scaler, "MetricRenamed")
    old = next(
        (item for item in METRIC_NAMES if told and item.until and item.instead and item.name in told.message), None
    )
    if told is None or old is None or old.until is None:
        return None
    since = ".".join(map(str, old.until[:2]))
    return Verdict(
        summary=f"vLLM {since} and newer do not export vllm:{old.name}: it is vllm:{old.instead} now",
        evidence=(evidence.event(told),),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(
            remedies.advice(
                f"Ask for vllm:{old.instead}",
                f"Put the new name into queries, dashboards and the adapter's rules; `vllm:{old.instead} or "
                f"vllm:{old.name}` is right for every version.",
                "A version that only hides it shows it with --show-hidden-metrics-for-version.",
            ),
        ),
    )


def _told(scaler: ScalerFacts, reason: str) -> Event | None:
    """Only of what stands for an autoscaler."""
    made_up = STAND_IN in scaler.resource.metadata.annotations
    return next((item for item in scaler.events if made_up and item.reason == reason), None)
