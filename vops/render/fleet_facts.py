"""From facts to the rows of the fleet: each replica and workload once, and what only shows when they stand together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from vops.diagnosis.facts import Facts, Replica, WorkloadFacts
from vops.diagnosis.states import ReplicaState, is_settled
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.resources import Node, Strategy
from vops.model.serving import GpuSample
from vops.model.snapshot import EngineSamples, Source, SourceState, SourceStatus
from vops.model.text import one_line
from vops.render import units
from vops.render.fleet_rows import UNKNOWN_CAUSE, FleetView, ReplicaRow, Verdict, WorkloadRow
from vops.render.groups import folded, other_ranks, place_of
from vops.render.loading import loading, loading_text, usual_starts
from vops.render.odd import odd_ones
from vops.render.scalers import wanted

STALE_AFTER_S = 30.0
"""Numbers older than this are not shown as current, whatever the pace of the scrapes."""

_TROUBLED = (SourceState.RETRYING, SourceState.STALE)


class Made(NamedTuple):
    """What the row of a settled replica was made of; the same, and it only ages."""

    pod: Pod
    node: Node | None
    owner: Ref | None
    samples: EngineSamples | None
    gpus: tuple[GpuSample, ...]
    verdict: Verdict | None

    def is_of(self, replica: Replica, verdict: Verdict | None) -> bool:
        return (
            self.pod is replica.pod
            and self.node is replica.node
            and self.samples is replica.samples
            and (self.owner, self.gpus, self.verdict) == (replica.owner, replica.gpus, verdict)
        )


class RowMemory:
    """The rows of the view before, by the key of the row: of a large fleet few are others than a second ago."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Made, ReplicaRow]] = {}
        self._next: dict[str, tuple[Made, ReplicaRow]] = {}
        self.fresh: tuple[ReplicaRow, ...] = ()
        """Rows of the last view that may say something else, beside their ages, than those before."""

    def row(self, replica: Replica, verdict: Verdict | None, *, stale: bool, usual: Mapping[str, float]) -> ReplicaRow:
        """As `replica_row` makes it."""
        if not is_settled(replica):
            return replica_row(replica, verdict, stale=stale, usual=usual)
        key = replica.pod.metadata.uid or f"{replica.namespace}/{replica.name}"
        known = self._known.get(key)
        if known is None or not known[0].is_of(replica, verdict) or not known[1].model:
            row = replica_row(replica, verdict, stale=stale, usual=usual)
            made = Made(replica.pod, replica.node, replica.owner, replica.samples, replica.gpus, verdict)
        else:
            made, row = known[0], _aged(known[1], replica, stale=stale)
        self._next[key] = made, row
        return row

    def close(self, rows: Iterable[ReplicaRow]) -> None:
        """A view is complete, of these rows."""
        was = self._known
        self._known, self._next = self._next, {}
        same = {key for key, (made, _) in self._known.items() if key in was and was[key][0] is made}
        self.fresh = tuple(row for row in rows if row.key not in same or row.stale or row.odd)


def _aged(row: ReplicaRow, replica: Replica, *, stale: bool) -> ReplicaRow:
    """The row of a replica of which nothing has changed but the time."""
    now = replica.facts.snapshot.at
    ages = units.age_s(replica.pod.metadata.creation_timestamp, now), _metrics_age_s(replica)
    return replace(row, age_s=ages[0], metrics_age_s=ages[1], stale=_is_old(replica, ages[1], stale=stale))


def fleet_view(
    facts: Facts, verdicts: Mapping[str, Verdict] | None = None, memory: RowMemory | None = None
) -> FleetView:
    """Every replica and workload as a row; `verdicts` by pod uid add what diagnosing said.

    `memory` is that of the view before, where there is one; it then remembers this view.
    """
    snapshot = facts.snapshot
    known, remembered = verdicts or {}, memory or RowMemory()
    stale = is_stale(snapshot.source(Source.PODS))
    starts = any(item.state is ReplicaState.LOADING for item in facts.replicas)
    usual = usual_starts(facts.replicas) if starts else {}

    def row(item: Replica) -> ReplicaRow:
        return remembered.row(item, known.get(item.pod.metadata.uid), stale=stale, usual=usual)

    rows = [row(item) for item in facts.replicas]
    odd = odd_ones(rows)
    rows = [replace(row, odd=odd[row.key]) if row.key in odd else row for row in rows]
    ranks = tuple(row(item) for item in other_ranks(facts))
    remembered.close((*rows, *ranks))
    by_workload = _late_ones(rows)
    return FleetView(
        at=snapshot.at,
        context=snapshot.context,
        sources=snapshot.sources,
        workloads=tuple(_workload_row(item, by_workload, stale=stale) for item in facts.workloads),
        replicas=tuple(rows),
        ranks=ranks,
        groups=tuple(item for item in folded((*rows, *ranks)) if item.folded),
    )


def _late_ones(rows: list[ReplicaRow]) -> dict[tuple[str, str], ReplicaRow]:
    """The first replica of each workload that is not ready; where all are, the first that no client gets to."""
    found: dict[tuple[str, str], ReplicaRow] = {}
    for row in rows:
        if row.state is not ReplicaState.READY:
            found.setdefault((row.namespace, row.workload), row)
    for row in rows:
        if row.unreached:
            found.setdefault((row.namespace, row.workload), row)
    return found


def is_stale(status: SourceStatus) -> bool:
    """Whether what this source gave is older than it claims."""
    return status.state in _TROUBLED


def replica_row(
    replica: Replica,
    verdict: Verdict | None = None,
    *,
    stale: bool = False,
    usual: Mapping[str, float] | None = None,
) -> ReplicaRow:
    """One replica as a row; numbers come from its newest scrape, however old that is.

    `usual` are the starts that the replicas of its workload took, as vops.render.loading.usual_starts gives them.
    """
    meta, now = replica.pod.metadata, replica.facts.snapshot.at
    latest = replica.samples.latest if replica.samples else None
    rates = replica.rates
    metrics_age_s = _metrics_age_s(replica)
    owner = f"{replica.owner.kind.lower()}/{replica.owner.name}" if replica.owner else ""
    place = place_of(replica.pod, replica.args, replica.owner.name if replica.owner else "")
    start = loading(replica, usual or {})
    said = (verdict.summary if verdict else "").removeprefix(f"{meta.name} ")
    told = loading_text(start) if start and replica.state is ReplicaState.LOADING else plain_note(replica)
    return ReplicaRow(
        pod=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        workload=owner,
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
        stale=_is_old(replica, metrics_age_s, stale=stale),
        findings=verdict.findings if verdict else None,
        cause=verdict.cause if verdict else "",
        note=said or told,
        image=replica.container.image,
        group=place.group if place else "",
        role=place.role if place else "",
        rank=place.rank if place else None,
        load_step=start.doing if start else "",
        load_progress=start.progress if start else None,
        ready_in_s=start.ready_in_s if start else None,
    )


def _metrics_age_s(replica: Replica) -> float | None:
    latest = replica.samples.latest if replica.samples else None
    return units.age_s(latest.at, replica.facts.snapshot.at) if latest else None


def _is_old(replica: Replica, metrics_age_s: float | None, *, stale: bool) -> bool:
    """Whether the numbers of a replica are older than may be shown as current; `stale`: the pods themselves are."""
    return stale or bool(replica.samples and replica.samples.stale) or (metrics_age_s or 0.0) > STALE_AFTER_S


def _gpu_util(replica: Replica) -> float | None:
    """The mean utilisation (0..1) of the replica's GPUs."""
    known = [gpu.utilisation for gpu in replica.gpus if gpu.utilisation is not None]
    return sum(known) / len(known) if known else None


def plain_note(replica: Replica) -> str:
    """What the objects themselves say about a replica that is not ready, in one line; empty when they say nothing."""
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


def _workload_row(item: WorkloadFacts, late: Mapping[tuple[str, str], ReplicaRow], *, stale: bool) -> WorkloadRow:
    workload = item.workload
    asked = wanted(item)
    first = late.get((item.namespace, f"{workload.kind.lower()}/{item.name}"))
    return WorkloadRow(
        kind=workload.kind,
        namespace=item.namespace,
        name=item.name,
        uid=workload.metadata.uid,
        model=item.model,
        ready=item.ready,
        desired=item.desired,
        updated=workload.status.updated_replicas,
        wants=asked.replicas,
        strategy=_strategy(workload.spec.strategy if workload.kind == "Deployment" else workload.spec.update_strategy),
        note=_workload_note(item),
        stale=stale,
        wanted_by=asked.by,
        why_not=asked.why_not or (_late_text(first) if first else ""),
        unreached=first is not None and first.unreached,
    )


def _late_text(row: ReplicaRow) -> str:
    """The replica that a workload waits for: its cause where one is known, else its state."""
    return str(row.state) if row.cause in ("", UNKNOWN_CAUSE) else row.cause


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
