"""The fleet as typed rows: every replica and workload once, for the table of the TUI and for `vops fleet` alike.

What is not known stays None. How facts become rows is in vops.render.fleet_facts, how rows look in
vops.render.fleet_table, how they are written in vops.render.fleet.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from vops.diagnosis.states import ReplicaState
from vops.model.objects import Ref
from vops.model.snapshot import Source, SourceState, SourceStatus
from vops.render.states import state_span
from vops.render.text import Span, Tone

UNKNOWN_CAUSE = "unknown"
"""The cause of findings for which no rule has a name."""


class Verdict(NamedTuple):
    """What diagnosing a replica said, in one line: how many findings, and the first of them."""

    findings: int
    cause: str
    summary: str


class ReplicaRow(msgspec.Struct, frozen=True, gc=False):
    """One replica. Shares are 0..1, times seconds, None is unknown; the field names are those of the JSON."""

    pod: str
    namespace: str
    uid: str
    workload: str
    node: str
    model: str
    state: ReplicaState
    gpu: str
    gpu_count: int
    gpu_util: float | None
    kv_usage: float | None
    kv_tokens: int | None
    running: float | None
    waiting: float | None
    tokens_per_s: float | None
    ttft_p50_s: float | None
    ttft_p95_s: float | None
    prefix_hit_rate: float | None
    preemptions: float | None
    restarts: int
    age_s: float | None
    metrics_age_s: float | None
    stale: bool
    findings: int | None
    """How many findings a diagnosis had; None where none was made."""
    cause: str
    note: str
    image: str = ""
    group: str = ""
    role: str = ""
    rank: int | None = None
    load_step: str = ""
    load_progress: float | None = None
    ready_in_s: float | None = None
    odd: str = ""
    """What sets it apart from the other replicas of its model."""
    folded: str = ""
    """The key of the group that this row stands for."""
    ranks: int = 1
    roles: str = ""
    worst: str = ""
    """Of a group: its worst member, when they are not all alike, and what is wrong with it."""

    @property
    def key(self) -> str:
        return self.folded or self.uid or f"{self.namespace}/{self.pod}"

    @property
    def name(self) -> str:
        """What the row is called: the pod, or the group."""
        return f"{self.group} · {self.roles}" if self.folded else self.pod

    @property
    def ref(self) -> Ref:
        return Ref("Pod", self.pod, self.namespace, self.uid)

    @property
    def dim(self) -> bool:
        """Nothing in this row can be believed to be current."""
        return self.stale or self.state in (ReplicaState.TERMINATING, ReplicaState.COMPLETED)

    @property
    def unreached(self) -> bool:
        """Ready, and diagnosed all the same: it serves nobody."""
        return self.state is ReplicaState.READY and bool(self.cause) and not self.folded

    @property
    def remark(self) -> Span | None:
        """What to show in place of numbers that do not exist."""
        if not self.note or self.running is not None or self.state is ReplicaState.READY:
            return None
        return Span(self.complaint, Tone.DIM if self.dim else state_span(self.state).tone)

    @property
    def complaint(self) -> str:
        """Cause and note; what has no name goes without one."""
        return self.note if self.cause in ("", UNKNOWN_CAUSE) else f"{self.cause}: {self.note}"


class WorkloadRow(msgspec.Struct, frozen=True, gc=False):
    """One Deployment or StatefulSet; `wants` is what its autoscaler (`wanted_by`) asks for, None where nobody says."""

    kind: str
    namespace: str
    name: str
    uid: str
    model: str
    ready: int
    desired: int
    updated: int
    wants: int | None
    strategy: str
    note: str
    stale: bool
    wanted_by: str = ""
    why_not: str = ""
    """What keeps it from having as many ready replicas as are wanted, or from its clients."""
    unreached: bool = False
    """A replica is ready and no client gets to it."""

    @property
    def key(self) -> str:
        return self.uid or f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.name, self.namespace, self.uid)

    @property
    def dim(self) -> bool:
        return self.stale

    @property
    def remark(self) -> Span | None:
        return None


class FleetView(msgspec.Struct, frozen=True):
    """All rows of one instant, and how far their sources can be believed."""

    at: datetime
    context: str = ""
    sources: tuple[SourceStatus, ...] = ()
    workloads: tuple[WorkloadRow, ...] = ()
    replicas: tuple[ReplicaRow, ...] = ()
    ranks: tuple[ReplicaRow, ...] = ()
    """Members of groups that run no server of their own."""
    groups: tuple[ReplicaRow, ...] = ()
    """Each group of several members as one row."""

    @property
    def grouped(self) -> tuple[ReplicaRow, ...]:
        """Every replica once: those of groups as their group."""
        inside = {f"{row.namespace}/{row.group}" for row in self.groups}
        alone = (row for row in self.replicas if not row.group or f"{row.namespace}/{row.group}" not in inside)
        return (*self.groups, *alone) if self.groups else self.replicas

    @property
    def partial(self) -> bool:
        """Whether there are rows and more are to come: the first list of pods is still being read."""
        loading = any(item.source is Source.PODS and item.state is SourceState.LOADING for item in self.sources)
        return loading and bool(self.replicas)

    @property
    def unread(self) -> SourceStatus | None:
        """The state of the pods while nobody has said which there are; None once somebody has."""
        loading = SourceStatus(Source.PODS, SourceState.LOADING)
        pods = next((item for item in self.sources if item.source is Source.PODS), loading)
        never = pods.at is None or not pods.usable
        return pods if never and not self.replicas else None


NOTHING_YET = FleetView(at=datetime.min)
