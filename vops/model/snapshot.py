"""ClusterSnapshot: everything observed at one instant, with the state of every source.

A snapshot is what every rule, plan and screen works on. It is immutable and goes to and from JSON
(`vops snapshot`), so whatever was diagnosed once can be diagnosed again without the cluster.
Absent data is a value: a source that could not be read says so, and what it would have held is missing, not empty.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import field

from vops.model.kinds import Related
from vops.model.pods import Pod
from vops.model.resources import Event, Node, Workload
from vops.model.serving import EngineSample, GpuSample


class Source(StrEnum):
    """Where a part of a snapshot comes from."""

    PODS = "pods"
    NODES = "nodes"
    DEPLOYMENTS = "deployments"
    REPLICASETS = "replicasets"
    STATEFULSETS = "statefulsets"
    DAEMONSETS = "daemonsets"
    EVENTS = "events"
    NAMESPACES = "namespaces"
    CLAIMS = "persistentvolumeclaims"
    VOLUMES = "persistentvolumes"
    STORAGE_CLASSES = "storageclasses"
    SERVICES = "services"
    ENDPOINT_SLICES = "endpointslices"
    NETWORK_POLICIES = "networkpolicies"
    DISRUPTION_BUDGETS = "poddisruptionbudgets"
    AUTOSCALERS = "horizontalpodautoscalers"
    SCALED_OBJECTS = "scaledobjects"
    NODE_POOLS = "nodepools"
    NODE_CLAIMS = "nodeclaims"
    CONFIG_MAPS = "configmaps"
    QUOTAS = "resourcequotas"
    RESOURCE_CLAIMS = "resourceclaims"
    SERVICE_MONITORS = "servicemonitors"
    POD_MONITORS = "podmonitors"
    PROMETHEUSES = "prometheuses"
    LOGS = "logs"
    METRICS = "metrics"
    DCGM = "dcgm"
    PROMETHEUS = "prometheus"


class SourceState(StrEnum):
    """How far a source can be believed; every one of them is shown to the user."""

    LOADING = "loading"  # asked, not answered yet
    LIVE = "live"  # watched, or answered just now
    POLLED = "polled"  # no watch allowed: asked now and then
    RETRYING = "retrying"  # failing; what is held is older than it should be
    STALE = "stale"  # held data is too old to be shown as current
    DENIED = "denied"  # the credentials do not allow it
    ABSENT = "absent"  # not there at all (no DCGM exporter, no Prometheus)


class SourceStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of one source; `at` is when its data was last known to be current."""

    source: Source
    state: SourceState
    at: datetime | None = None
    detail: str = ""

    @property
    def usable(self) -> bool:
        """There is data, whatever its age."""
        return self.state not in (SourceState.LOADING, SourceState.DENIED, SourceState.ABSENT)


class ContainerLog(msgspec.Struct, frozen=True, omit_defaults=True):
    """The scrubbed tail of one container's log; `previous` is the instance before the last restart."""

    namespace: str
    pod: str
    container: str
    text: str
    previous: bool = False
    truncated: bool = False


class EngineSamples(msgspec.Struct, frozen=True, omit_defaults=True):
    """The newest scrape of one replica and an earlier one, so that rates are of a window, not of a lifetime."""

    namespace: str
    pod: str
    latest: EngineSample | None = None
    earlier: EngineSample | None = None
    error: str = ""
    """Why the last scrape failed; empty when it did not."""
    stale: bool = False
    """`latest` is older than a reader of live numbers should be shown without being told."""


class Series(msgspec.Struct, frozen=True, omit_defaults=True):
    """One series of a Prometheus answer: its labels and the newest value, None for one that is not a number."""

    labels: dict[str, str] = field(default_factory=dict)
    value: float | None = None


class QueryAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What Prometheus answered to an autoscaler's query: no series is an empty answer, `error` is no answer."""

    query: str
    series: tuple[Series, ...] = ()
    error: str = ""


class ClusterSnapshot(msgspec.Struct, frozen=True):
    """One instant of one context.

    `related` is what else was read around pods, nodes and workloads: each kind has its own source.
    """

    at: datetime
    context: str = ""
    server_version: str = ""
    sources: tuple[SourceStatus, ...] = ()
    pods: tuple[Pod, ...] = ()
    nodes: tuple[Node, ...] = ()
    deployments: tuple[Workload, ...] = ()
    replicasets: tuple[Workload, ...] = ()
    statefulsets: tuple[Workload, ...] = ()
    daemonsets: tuple[Workload, ...] = ()
    related: tuple[Related, ...] = ()
    events: tuple[Event, ...] = ()
    logs: tuple[ContainerLog, ...] = ()
    samples: tuple[EngineSamples, ...] = ()
    gpus: tuple[GpuSample, ...] = ()
    queries: tuple[QueryAnswer, ...] = ()
    schema: str = field(default="vops.snapshot/v1")

    def source(self, source: Source) -> SourceStatus:
        """The status of `source`; ABSENT when it was never asked."""
        for item in self.sources:
            if item.source is source:
                return item
        return SourceStatus(source, SourceState.ABSENT, detail="not asked")

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)
