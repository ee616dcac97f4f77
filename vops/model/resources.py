"""Kubernetes objects as vops reads them: structs decoded straight from the API's JSON.

Only the fields that vops uses are declared; msgspec skips the rest, which is what makes listing thousands of
pods cheap. A change to an object never goes through these structs: it is a JSON Patch or an apply of a raw
document (see vops.planning.changes). To and from JSON the names are Kubernetes' own camelCase ones.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from msgspec import field

_MONTH_S = 30 * 86_400


class Object(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """Base of every decoded struct: immutable, camelCase outside, snake_case inside."""


class OwnerReference(Object, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool = False


class Meta(Object, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object, if one does."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Resource(Object, frozen=True):
    """Base of every object that the API serves by itself."""

    metadata: Meta = field(default_factory=Meta)


class Condition(Object, frozen=True):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


# --- pods -------------------------------------------------------------------------------------------------


class EnvSource(Object, frozen=True):
    """Where a value comes from; never the value of a Secret."""

    secret_key_ref: dict[str, Any] | None = None
    config_map_key_ref: dict[str, Any] | None = None
    field_ref: dict[str, Any] | None = None


class EnvVar(Object, frozen=True):
    name: str = ""
    value: str = ""
    value_from: EnvSource | None = None


class HttpGet(Object, frozen=True):
    path: str = "/"
    port: int | str = 0
    host: str = ""
    scheme: str = "HTTP"


class Probe(Object, frozen=True):
    """A probe with the API server's defaults filled in; seconds everywhere."""

    http_get: HttpGet | None = None
    tcp_socket: dict[str, Any] | None = None
    exec: dict[str, Any] | None = None
    grpc: dict[str, Any] | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    failure_threshold: int = 3
    success_threshold: int = 1

    @property
    def budget_s(self) -> int:
        """Seconds a container has to answer before this probe fails it for the first time."""
        return self.initial_delay_seconds + self.period_seconds * self.failure_threshold


class ContainerPort(Object, frozen=True):
    container_port: int = 0
    name: str = ""
    host_port: int = 0
    host_ip: str = field(default="", name="hostIP")
    protocol: str = "TCP"


class Requirements(Object, frozen=True):
    """Quantities by resource name, as strings; see vops.model.quantities."""

    requests: dict[str, str] = field(default_factory=dict)
    limits: dict[str, str] = field(default_factory=dict)


class VolumeMount(Object, frozen=True):
    name: str = ""
    mount_path: str = ""
    read_only: bool = False
    sub_path: str = ""


class Container(Object, frozen=True):
    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[dict[str, Any], ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: Requirements = field(default_factory=Requirements)
    volume_mounts: tuple[VolumeMount, ...] = ()
    startup_probe: Probe | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    restart_policy: str = ""
    image_pull_policy: str = ""
    lifecycle: dict[str, Any] = field(default_factory=dict)
    security_context: dict[str, Any] = field(default_factory=dict)


class Volume(Object, frozen=True):
    name: str = ""
    empty_dir: dict[str, Any] | None = None
    persistent_volume_claim: dict[str, Any] | None = None
    ephemeral: dict[str, Any] | None = None
    host_path: dict[str, Any] | None = None
    config_map: dict[str, Any] | None = None
    secret: dict[str, Any] | None = None
    projected: dict[str, Any] | None = None
    csi: dict[str, Any] | None = None
    nfs: dict[str, Any] | None = None


class Toleration(Object, frozen=True):
    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class SchedulingGate(Object, frozen=True):
    name: str = ""


class PodSpec(Object, frozen=True):
    """`resources` is what a pod asks for as a whole, over what its containers ask for; `resource_claims` are device
    claims, of objects by name or made from templates."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    node_name: str = ""
    node_selector: dict[str, str] = field(default_factory=dict)
    affinity: dict[str, Any] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[dict[str, Any], ...] = ()
    scheduling_gates: tuple[SchedulingGate, ...] = ()
    resource_claims: tuple[dict[str, Any], ...] = ()
    scheduler_name: str = "default-scheduler"
    priority: int = 0
    priority_class_name: str = ""
    preemption_policy: str = ""
    restart_policy: str = "Always"
    termination_grace_period_seconds: int = 30
    enable_service_links: bool = True
    host_network: bool = False
    dns_policy: str = "ClusterFirst"
    runtime_class_name: str = ""
    service_account_name: str = ""
    image_pull_secrets: tuple[dict[str, Any], ...] = ()
    security_context: dict[str, Any] = field(default_factory=dict)
    overhead: dict[str, str] = field(default_factory=dict)
    resources: Requirements = field(default_factory=Requirements)

    @property
    def grace(self) -> timedelta:
        """How long the pod may take to end; what nobody waits for is cut to a month."""
        return timedelta(seconds=min(max(self.termination_grace_period_seconds, 0), _MONTH_S))


class Waiting(Object, frozen=True):
    reason: str = ""
    message: str = ""


class Running(Object, frozen=True):
    started_at: datetime | None = None


class Terminated(Object, frozen=True):
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Object, frozen=True):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Object, frozen=True):
    name: str = ""
    state: ContainerState = field(default_factory=ContainerState)
    last_state: ContainerState = field(default_factory=ContainerState)
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image: str = ""
    image_id: str = field(default="", name="imageID")


class ResourceClaimStatus(Object, frozen=True):
    """The object that was made for one of a pod's device claims."""

    name: str = ""
    resource_claim_name: str = ""


class PodStatus(Object, frozen=True):
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    pod_ip: str = field(default="", name="podIP")
    host_ip: str = field(default="", name="hostIP")
    start_time: datetime | None = None
    nominated_node_name: str = ""
    resource_claim_statuses: tuple[ResourceClaimStatus, ...] = ()


class Pod(Resource, frozen=True):
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)

    def condition(self, type_: str) -> Condition | None:
        return next((item for item in self.status.conditions if item.type == type_), None)

    def container_status(self, name: str) -> ContainerStatus | None:
        """The status of a container or of an init container: their names are unique within a pod."""
        every = (*self.status.container_statuses, *self.status.init_container_statuses)
        return next((item for item in every if item.name == name), None)


# --- nodes ------------------------------------------------------------------------------------------------


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


# --- workloads --------------------------------------------------------------------------------------------


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
    desired_number_scheduled: int = 0
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


# --- events -----------------------------------------------------------------------------------------------


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


# --- everything else --------------------------------------------------------------------------------------


class Named(Resource, frozen=True):
    """An object of a kind that vops knows only by name; `kind` is filled in by whoever decodes it."""

    kind: str = ""


# --- kinds ------------------------------------------------------------------------------------------------

Decoded: TypeAlias = Resource


class Kind(msgspec.Struct, frozen=True):
    """A resource type: where the API serves it and what its items decode to (`None`: Named, the metadata alone)."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    decodes_to: type[Decoded] | None = None

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path of the collection (all namespaces when `namespace` is empty) or of one object."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


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


class Ref(msgspec.Struct, frozen=True, omit_defaults=True):
    """Names one object, and with `uid` one incarnation of it."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}" + (f" in {self.namespace}" if self.namespace else "")
