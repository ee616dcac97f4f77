"""Autoscalers that stand for those which events are about, where a bundle has their events and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from vops.model.objects import Condition, Meta, Resource
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event
from vops.model.scaling import HorizontalPodAutoscaler, HpaStatus, ScaledObject, ScaledObjectStatus

Found = tuple[str, Resource]

_PAUSED = "ScaledObjectPaused"

_HPA_METRIC = lazy_pattern(
    r"Failed(?:Get|Compute)\w{0,30}|InvalidMetricSourceType|AmbiguousSelector|SelectorRequired|InvalidSelector"
)


def autoscaler(meta: Meta, events: Sequence[Event]) -> list[Found]:
    """One whose last word is that it has no value for its metric, or no usable target."""
    said = next((item for item in reversed(events) if _HPA_METRIC.match(item.reason)), None)
    if said is None and events[-1].reason == "TooManyReplicas":
        limited = Condition("ScalingLimited", "True", "TooManyReplicas", events[-1].message)
        return [("HorizontalPodAutoscaler", HorizontalPodAutoscaler(meta, status=HpaStatus(conditions=(limited,))))]
    if said is None:
        return []
    about = "AbleToScale" if said.reason == "FailedGetScale" else "ScalingActive"
    condition = Condition(about, "False", said.reason, said.message)
    return [("HorizontalPodAutoscaler", HorizontalPodAutoscaler(meta, status=HpaStatus(conditions=(condition,))))]


def scaled_object(meta: Meta, events: Sequence[Event]) -> list[Found]:
    """One that complains, or whose last word is that it is paused."""
    if events[-1].reason == _PAUSED:
        paused = Condition("Paused", "True", _PAUSED, events[-1].message)
        return [("ScaledObject", ScaledObject(meta, status=ScaledObjectStatus(conditions=(paused,))))]
    said = next((item for item in reversed(events) if item.type == "Warning"), None)
    if said is None:
        return []
    kind, status = ("Paused", "True") if said.reason == "ScaledObjectPaused" else ("Ready", "False")
    condition = Condition(kind, status, said.reason, said.message)
    return [("ScaledObject", ScaledObject(meta, status=ScaledObjectStatus(conditions=(condition,))))]
