"""The fleet as typed rows: every replica and workload once, for the table of the TUI and for `vops fleet` alike.

What is not known stays None. How rows look is in vops.render.fleet_table, how they are written in vops.render.fleet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from vops.diagnosis.facts import Facts, Replica, WorkloadFacts
from vops.diagnosis.states import ReplicaState
from vops.model.resources import Ref, Strategy
from vops.model.snapshot import Source, SourceState, SourceStatus
from vops.model.text import one_line
from vops.render import units
from vops.render.states import state_span
from vops.render.text import Span, Tone

STALE_AFTER_S = 30.0
"""Numbers older than this are not shown as current, whatever the pace of the scrapes."""

_TROUBLED = (SourceState.RETRYING, SourceState.STALE)


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
    findings: int
    cause: str
    note: str

    @property
    def key(self) -> str:
        return self.uid or f"{self.namespace}/{self.pod}"

    @property
    def ref(self) -> Ref:
        return Ref("Pod", self.pod, self.namespace, self.uid)

    @property
    def dim(self) -> bool:
        """Nothing in this row can be believed to be current."""
        return self.stale or self.state in (ReplicaState.TERMINATING, ReplicaState.COMPLETED)

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
    """One Deployment or StatefulSet; `wants` is what its autoscaler asks for, None when there is none known."""

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

    @property
    def unread(self) -> SourceStatus | None:
        """The state of the pods while nobody has said which there are; None once somebody has."""
        loading = SourceStatus(Source.PODS, SourceState.LOADING)
        pods = next((item for item in self.sources if item.source is Source.PODS), loading)
        never = pods.at is None or not pods.usable
        return pods if never and not self.replicas else None


NOTHING_YET = FleetView(at=datetime.min)


def fleet_view(facts: Facts, verdicts: Mapping[str, Verdict] | None = None) -> FleetView:
    """Every replica and workload as a row; `verdicts` by pod uid add what diagnosing said."""
    snapshot = facts.snapshot
    known = verdicts or {}
    stale = is_stale(snapshot.source(Source.PODS))
    return FleetView(
        at=snapshot.at,
        context=snapshot.context,
        sources=snapshot.sources,
        workloads=tuple(_workload_row(item, stale=stale) for item in facts.workloads),
        replicas=tuple(replica_row(item, known.get(item.pod.metadata.uid), stale=stale) for item in facts.replicas),
    )


def is_stale(status: SourceStatus) -> bool:
    """Whether what this source gave is older than it claims."""
    return status.state in _TROUBLED


def replica_row(replica: Replica, verdict: Verdict | None = None, *, stale: bool = False) -> ReplicaRow:
    """One replica as a row; numbers come from its newest scrape, however old that is."""
    meta, now = replica.pod.metadata, replica.facts.snapshot.at
    latest = replica.samples.latest if replica.samples else None
    rates = replica.rates
    metrics_age_s = units.age_s(latest.at, now) if latest else None
    return ReplicaRow(
        pod=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        workload=f"{replica.owner.kind.lower()}/{replica.owner.name}" if replica.owner else "",
        node=replica.pod.spec.node_name,
        model=replica.model,
        state=replica.state,
        gpu=replica.gpu_product,
        gpu_count=replica.gpu_count,
        gpu_util=_gpu_util(replica),
        kv_usage=latest.kv_usage if latest else None,
        kv_tokens=latest.kv_tokens if latest else None,
        running=latest.running if latest else None,
        waiting=latest.waiting if latest else None,
        tokens_per_s=rates.tokens_per_s if rates else None,
        ttft_p50_s=rates.ttft_p50_s if rates else None,
        ttft_p95_s=rates.ttft_p95_s if rates else None,
        prefix_hit_rate=rates.prefix_hit_rate if rates else None,
        preemptions=latest.preemptions if latest else None,
        restarts=replica.restarts,
        age_s=units.age_s(meta.creation_timestamp, now),
        metrics_age_s=metrics_age_s,
        stale=stale or bool(replica.samples and replica.samples.stale) or (metrics_age_s or 0.0) > STALE_AFTER_S,
        findings=verdict.findings if verdict else 0,
        cause=verdict.cause if verdict else "",
        note=(verdict.summary if verdict else "").removeprefix(f"{meta.name} ") or plain_note(replica),
    )


def _gpu_util(replica: Replica) -> float | None:
    """The mean utilisation (0..1) of the replica's GPUs."""
    known = [gpu.utilisation for gpu in replica.gpus if gpu.utilisation is not None]
    return sum(known) / len(known) if known else None


def plain_note(replica: Replica) -> str:
    """What the objects themselves say about a replica that is not ready, in one line; empty when they say nothing."""
    if replica.state is ReplicaState.LOADING:
        return loading_note(replica)
    waiting = replica.status.state.waiting if replica.status else None
    if waiting and waiting.reason not in ("", "ContainerCreating", "PodInitializing"):
        return one_line(_because(waiting.reason, replica), 160)
    if replica.state is ReplicaState.CRASH_LOOPING:
        return one_line(_because("restarting", replica), 160)
    scheduled = replica.pod.condition("PodScheduled")
    if scheduled and scheduled.status == "False":
        return one_line(scheduled.message or scheduled.reason, 160)
    return ""


def _because(reason: str, replica: Replica) -> str:
    death = replica.last_death
    if death is None:
        return reason
    return f"{reason}: last exit {death.exit_code} {death.reason}".strip()


def loading_note(replica: Replica) -> str:
    """Where a start has got to, such as `weights 62%`."""
    log = replica.log
    if log is None:
        return "server starting"
    phase = log.phases[-1] if log.phases else None
    progress = f" {units.percent(phase.progress)}" if phase and phase.progress is not None else ""
    return f"{log.stage}{progress}"


def _workload_row(item: WorkloadFacts, *, stale: bool) -> WorkloadRow:
    workload = item.workload
    return WorkloadRow(
        kind=workload.kind,
        namespace=item.namespace,
        name=item.name,
        uid=workload.metadata.uid,
        model=item.model,
        ready=item.ready,
        desired=item.desired,
        updated=workload.status.updated_replicas,
        wants=None,
        strategy=_strategy(workload.spec.strategy if workload.kind == "Deployment" else workload.spec.update_strategy),
        note=_workload_note(item),
        stale=stale,
    )


def _strategy(strategy: Strategy) -> str:
    rolling = strategy.rolling_update
    if rolling is None or (rolling.max_surge is None and rolling.max_unavailable is None):
        return strategy.type
    surge = UNSAID if rolling.max_surge is None else rolling.max_surge
    unavailable = UNSAID if rolling.max_unavailable is None else rolling.max_unavailable
    return f"{strategy.type} +{surge} -{unavailable}"


UNSAID = "?"


def _workload_note(item: WorkloadFacts) -> str:
    workload = item.workload
    progressing = workload.condition("Progressing")
    if workload.spec.paused:
        return "paused"
    if progressing and progressing.status == "False":
        return f"stuck: {progressing.reason}"
    if workload.status.observed_generation < workload.metadata.generation:
        return "change not seen yet"
    if workload.status.updated_replicas < item.desired:
        return "rolling out"
    return "" if item.ready >= item.desired else f"{item.desired - item.ready} not ready"
