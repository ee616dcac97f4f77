"""Autoscaling of workloads as vops reads it: HorizontalPodAutoscalers and KEDA's ScaledObjects."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import field

from vops.model.objects import Condition, Kind, Object, Resource


class ScaleTarget(Object, frozen=True):
    """The workload that is scaled; KEDA takes an absent kind for a Deployment."""

    kind: str = "Deployment"
    name: str = ""
    api_version: str = "apps/v1"


class HpaSpec(Object, frozen=True):
    """`metrics` and `behavior` are as the API gives them."""

    scale_target_ref: ScaleTarget = field(default_factory=ScaleTarget)
    min_replicas: int = 1
    max_replicas: int = 0
    metrics: tuple[dict[str, Any], ...] = ()
    behavior: dict[str, Any] = field(default_factory=dict)


class HpaStatus(Object, frozen=True):
    current_replicas: int = 0
    desired_replicas: int = 0
    last_scale_time: datetime | None = None
    current_metrics: tuple[dict[str, Any] | None, ...] = ()
    conditions: tuple[Condition, ...] = ()


class HorizontalPodAutoscaler(Resource, frozen=True, tag_field="kind", tag="HorizontalPodAutoscaler"):
    spec: HpaSpec = field(default_factory=HpaSpec)
    status: HpaStatus = field(default_factory=HpaStatus)

    def condition(self, type_: str) -> Condition | None:
        return next((item for item in self.status.conditions if item.type == type_), None)


class ScaledObjectTrigger(Object, frozen=True):
    """One trigger; `metadata` holds strings such as `serverAddress`, `query` and `threshold`."""

    type: str = ""
    name: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    metric_type: str = ""
    authentication_ref: dict[str, Any] = field(default_factory=dict)


class ScaledObjectSpec(Object, frozen=True):
    """`min_replica_count` defaults to 0, `max_replica_count` to 100."""

    scale_target_ref: ScaleTarget = field(default_factory=ScaleTarget)
    min_replica_count: int | None = None
    max_replica_count: int | None = None
    idle_replica_count: int | None = None
    polling_interval: int | None = None
    cooldown_period: int | None = None
    triggers: tuple[ScaledObjectTrigger, ...] = ()
    fallback: dict[str, Any] = field(default_factory=dict)
    advanced: dict[str, Any] = field(default_factory=dict)


class ScaledObjectStatus(Object, frozen=True):
    """`health` maps a metric's name to `{"numberOfFailures", "status"}`."""

    conditions: tuple[Condition, ...] = ()
    hpa_name: str = ""
    external_metric_names: tuple[str, ...] = ()
    health: dict[str, Any] = field(default_factory=dict)
    paused_replica_count: int | None = None
    original_replica_count: int | None = None
    last_active_time: datetime | None = None


class ScaledObject(Resource, frozen=True, tag_field="kind", tag="ScaledObject"):
    spec: ScaledObjectSpec = field(default_factory=ScaledObjectSpec)
    status: ScaledObjectStatus = field(default_factory=ScaledObjectStatus)

    def condition(self, type_: str) -> Condition | None:
        return next((item for item in self.status.conditions if item.type == type_), None)


AUTOSCALERS = Kind(
    "autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", decodes_to=HorizontalPodAutoscaler
)
SCALED_OBJECTS = Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects", decodes_to=ScaledObject)
