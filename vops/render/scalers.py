"""What a workload's autoscaler asks for, and why the workload does not have it, in a few words."""

from __future__ import annotations

from typing import NamedTuple

from vops.diagnosis.autoscaling import scaling
from vops.diagnosis.facts import ScalerFacts, WorkloadFacts
from vops.model.text import one_line
from vops.render import units


class Wanted(NamedTuple):
    """Who asks for how many replicas (None: not known), and what keeps it from them."""

    by: str = ""
    replicas: int | None = None
    why_not: str = ""


def wanted(workload: WorkloadFacts) -> Wanted:
    """What the autoscaler of a workload asks for; nothing where it has none."""
    scaler = next(iter(workload.scalers), None)
    if scaler is None:
        return Wanted()
    by = "KEDA" if scaler.scaled_object is not None else "HPA"
    asked = scaler.hpa.status.desired_replicas if scaler.hpa is not None else None
    return Wanted(by, asked, obstacle(scaler))


def obstacle(scaler: ScalerFacts) -> str:
    """What keeps an autoscaler from scaling; empty when nothing does."""
    scaled, hpa = scaler.scaled_object, scaler.hpa
    if scaled is not None and scaling.paused_by(scaled):
        return "paused"
    if hpa is None:
        return _condition(scaler)
    for kind, status in (("ScalingActive", "False"), ("AbleToScale", "False")):
        found = hpa.condition(kind)
        if found is not None and found.status == status:
            since = f" since {found.last_transition_time:%H:%M}" if found.last_transition_time else ""
            return f"{_REASONS.get(found.reason, found.reason)}{since}"
    limited = hpa.condition("ScalingLimited")
    if limited is not None and (limited.status, limited.reason) == ("True", "TooManyReplicas"):
        return f"at its maximum of {hpa.spec.max_replicas}"
    return ""


_REASONS = {
    "FailedGetExternalMetric": "metric missing",
    "FailedGetPodsMetric": "metric missing",
    "FailedGetObjectMetric": "metric missing",
    "FailedGetResourceMetric": "metric missing",
    "FailedGetContainerResourceMetric": "metric missing",
    "InvalidMetricSourceType": "metric of an unknown type",
    "InvalidSelector": "target has no selector",
    "ScalingDisabled": "scaled to zero by hand",
    "FailedGetScale": "target not found",
    "FailedUpdateScale": "may not scale the target",
    "AmbiguousSelector": "two autoscalers for the same pods",
}


def _condition(scaler: ScalerFacts) -> str:
    ready = scaler.scaled_object.condition("Ready") if scaler.scaled_object is not None else None
    return one_line(ready.reason, 40) if ready is not None and ready.status == "False" else ""


def wanted_text(asked: int | None, by: str) -> str:
    """`6 HPA`, or a dash where nobody says."""
    return units.UNKNOWN if asked is None else f"{asked} {by}".strip()
