"""Pods as vops reads them: what their containers ask for, and how they are. See vops.model.objects."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec import field

from vops.model.objects import Condition, Object, Resource

_MONTH_S = 30 * 86_400


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
