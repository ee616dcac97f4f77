"""Nodes, workloads and events as vops reads them, and the kinds that every look asks for. See vops.model.objects."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import field

from vops.model.objects import Condition, Kind, Meta, Named, Object, Resource
from vops.model.pods import Pod, PodSpec


class Taint(Object, frozen=True):
    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Object, frozen=True):
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    provider_id: str = field(default="", name="providerID")


class NodeStatus(Object, frozen=True):
    capacity: dict[str, str] = field(default_factory=dict)
    allocatable: dict[str, str] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    node_info: dict[str, Any] = field(default_factory=dict)


class Node(Resource, frozen=True):
    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus = field(default_factory=NodeStatus)


class LabelSelector(Object, frozen=True):
    match_labels: dict[str, str] = field(default_factory=dict)
    match_expressions: tuple[dict[str, Any], ...] = ()


class PodTemplate(Object, frozen=True):
    metadata: Meta = field(default_factory=Meta)
    spec: PodSpec = field(default_factory=PodSpec)


class RollingUpdate(Object, frozen=True):
    """maxSurge and maxUnavailable as given: a count, or a percentage such as "25%"."""

    max_surge: int | str | None = None
    max_unavailable: int | str | None = None
    partition: int = 0


class Strategy(Object, frozen=True):
    type: str = ""
    rolling_update: RollingUpdate | None = None


class WorkloadSpec(Object, frozen=True):
    """The union of what Deployments, ReplicaSets, StatefulSets and DaemonSets declare."""

    replicas: int | None = None
    paused: bool = False
    selector: LabelSelector = field(default_factory=LabelSelector)
    template: PodTemplate = field(default_factory=PodTemplate)
    strategy: Strategy = field(default_factory=Strategy)
    update_strategy: Strategy = field(default_factory=Strategy)
    progress_deadline_seconds: int | None = None
    revision_history_limit: int | None = None


class WorkloadStatus(Object, frozen=True):
    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int | None = None
    current_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    number_misscheduled: int = 0
    conditions: tuple[Condition, ...] = ()


class Workload(Resource, frozen=True):
    """A Deployment, ReplicaSet, StatefulSet or DaemonSet; `kind` is filled in by whoever decodes it."""

    kind: str = ""
    spec: WorkloadSpec = field(default_factory=WorkloadSpec)
    status: WorkloadStatus = field(default_factory=WorkloadStatus)

    def condition(self, type_: str) -> Condition | None:
        return next((item for item in self.status.conditions if item.type == type_), None)


class ObjectReference(Object, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    field_path: str = ""


class EventSource(Object, frozen=True):
    component: str = ""
    host: str = ""


class EventSeries(Object, frozen=True):
    count: int = 0
    last_observed_time: datetime | None = None


class Event(Resource, frozen=True):
    """A core/v1 Event; old-style (count, lastTimestamp) and new-style (series, eventTime) fields alike."""

    involved_object: ObjectReference = field(default_factory=ObjectReference)
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = None
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: EventSeries | None = None
    source: EventSource = field(default_factory=EventSource)
    reporting_component: str = ""

    @property
    def times(self) -> int:
        """How often it happened."""
        return (self.series.count if self.series else self.count) or 1

    @property
    def last_seen(self) -> datetime | None:
        """When it happened last."""
        in_series = self.series.last_observed_time if self.series else None
        return in_series or self.last_timestamp or self.event_time or self.metadata.creation_timestamp


PODS = Kind("v1", "Pod", "pods", decodes_to=Pod)


NODES = Kind("v1", "Node", "nodes", namespaced=False, decodes_to=Node)


EVENTS = Kind("v1", "Event", "events", decodes_to=Event)


DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments", decodes_to=Workload)


REPLICASETS = Kind("apps/v1", "ReplicaSet", "replicasets", decodes_to=Workload)


STATEFULSETS = Kind("apps/v1", "StatefulSet", "statefulsets", decodes_to=Workload)


DAEMONSETS = Kind("apps/v1", "DaemonSet", "daemonsets", decodes_to=Workload)


JOBS = Kind("batch/v1", "Job", "jobs", decodes_to=Named)


SERVICE_ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts", decodes_to=Named)


NAMESPACES = Kind("v1", "Namespace", "namespaces", namespaced=False, decodes_to=Named)
