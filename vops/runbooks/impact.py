"""The blast radius of a plan: which servers its changes take away, what they have in flight, and who serves meanwhile.

Pure: from changes, and facts with their newest scrapes. A plan that takes nothing away has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from vops.diagnosis.ending.budgets import allowed, budgets_of
from vops.diagnosis.facts import Facts, Replica, WorkloadFacts
from vops.diagnosis.starting.startup import usual_start
from vops.diagnosis.states import ReplicaState
from vops.model.disruption import PodDisruptionBudget
from vops.model.known import known
from vops.model.objects import Ref
from vops.model.resources import Strategy
from vops.model.rollouts import bounds
from vops.planning.changes import Change, Verb
from vops.planning.plan import Impact, Plan

WORKLOADS = frozenset({"Deployment", "StatefulSet"})
_TEMPLATE, _REPLICAS = "/spec/template", "/spec/replicas"


class _Loss(NamedTuple):
    """Servers that go, so many at a time; `back` when others come for them, `evicted` when budgets are asked."""

    workload: WorkloadFacts
    replicas: tuple[Replica, ...]
    at_once: int
    back: bool = True
    evicted: bool = False


def impacts(
    changes: Iterable[Change], facts: Facts, budgets: Sequence[PodDisruptionBudget] | None
) -> tuple[Impact, ...]:
    """One for each workload that loses servers, of all changes together; `budgets` is None where none were read."""
    found: dict[Ref, _Loss] = {}
    for loss in _losses(changes, facts):
        before = found.get(loss.workload.ref)
        found[loss.workload.ref] = loss if before is None else _together(before, loss)
    return tuple(_impact(loss, facts, budgets) for loss in found.values())


def with_live_numbers(plan: Plan, facts: Facts) -> Plan:
    """The plan with what its servers have in flight now; what only planning has read stays."""
    if not plan.impacts:
        return plan
    return msgspec.structs.replace(plan, impacts=with_live_impacts(plan.impacts, plan.changes, facts))


def with_live_impacts(planned: Iterable[Impact], changes: Iterable[Change], facts: Facts) -> tuple[Impact, ...]:
    """Counted again from `facts`, which may know nothing of budgets and of how long servers load."""
    fresh = {item.target: item for item in impacts(changes, facts, None)}
    return tuple(_refreshed(item, fresh.get(item.target)) for item in planned)


def _refreshed(planned: Impact, fresh: Impact | None) -> Impact:
    if fresh is None:
        return planned
    start = (planned.load_s, planned.load_basis) if fresh.load_s is None else (fresh.load_s, fresh.load_basis)
    return msgspec.structs.replace(
        fresh, budget=planned.budget, allowed=planned.allowed, budgets_read=planned.budgets_read, load_s=start[0],
        load_basis=start[1],
    )  # fmt: skip


# --- which servers go -------------------------------------------------------------------------------------


def _losses(changes: Iterable[Change], facts: Facts) -> Iterator[_Loss]:
    for change in changes:
        if change.target.kind in WORKLOADS:
            yield from _of_workload(change, facts)
        elif change.target.kind == "Pod" and change.verb in (Verb.DELETE, Verb.EVICT):
            yield from _of_pod(change, facts)


def _of_workload(change: Change, facts: Facts) -> Iterator[_Loss]:
    target = change.target
    workload = facts.workload(target.kind, target.namespace, target.name)
    if workload is None or not workload.replicas:
        return
    fewer = _fewer(change, workload)
    if change.verb is Verb.DELETE or (fewer is not None and fewer >= len(workload.replicas)):
        yield _Loss(workload, workload.replicas, len(workload.replicas), back=False)
    elif any(path.startswith(_TEMPLATE) for path in change.touched):
        yield _Loss(workload, workload.replicas, _at_once(change, workload))
    elif fewer:
        yield _Loss(workload, _last_ones(workload, fewer), fewer, back=False)


def _fewer(change: Change, workload: WorkloadFacts) -> int | None:
    """How many replicas a change takes away; None when it says nothing about their number."""
    if _REPLICAS not in change.touched:
        return None
    after = (change.after.get("spec") or {}).get("replicas")
    return max(0, len(workload.replicas) - after) if isinstance(after, int) else None


def _last_ones(workload: WorkloadFacts, number: int) -> tuple[Replica, ...]:
    """Which replicas a controller takes first: those that are not ready, then the newest."""

    def spared(item: Replica) -> tuple[bool, float]:
        created = item.pod.metadata.creation_timestamp
        return item.state is ReplicaState.READY, -created.timestamp() if created else 0.0

    return tuple(sorted(workload.replicas, key=spared)[:number])


def _at_once(change: Change, workload: WorkloadFacts) -> int:
    """How many servers are missing at a time while a template is rolled out."""
    if workload.ref.kind == "StatefulSet":
        return 1
    after = (change.after.get("spec") or {}).get("strategy")
    strategy = msgspec.convert(after, Strategy) if after else workload.workload.spec.strategy
    found = bounds(strategy, workload.desired)
    return len(workload.replicas) if found is None else found.unavailable


def _of_pod(change: Change, facts: Facts) -> Iterator[_Loss]:
    replica = facts.replica(change.target.namespace, change.target.name)
    if replica is None or replica.owner is None:
        return
    workload = facts.workload(replica.owner.kind, replica.owner.namespace, replica.owner.name)
    if workload is not None:
        yield _Loss(workload, (replica,), 1, evicted=change.verb is Verb.EVICT)


def _together(one: _Loss, other: _Loss) -> _Loss:
    replicas = tuple(dict.fromkeys((*one.replicas, *other.replicas)))
    return _Loss(
        one.workload, replicas, min(len(replicas), one.at_once + other.at_once), one.back and other.back,
        one.evicted or other.evicted,
    )  # fmt: skip


# --- what that costs --------------------------------------------------------------------------------------


def _impact(loss: _Loss, facts: Facts, budgets: Sequence[PodDisruptionBudget] | None) -> Impact:
    serving = [item for item in loss.replicas if item.state is ReplicaState.READY]
    loads = [_load(item) for item in serving]
    start = usual_start(loss.replicas[0])
    found = budgets_of(loss.replicas[0].pod, budgets or ())
    tightest = min(found, key=lambda item: allowed(item, facts.snapshot.pods), default=None)
    left = loss.workload.ready - (min(loss.at_once, len(serving)) if loss.back else len(serving))
    return Impact(
        target=loss.workload.ref,
        pods=tuple(item.name for item in loss.replicas),
        ready=loss.workload.ready,
        gone=len(serving),
        at_once=loss.at_once,
        left=max(0, left),
        in_flight=round(sum(known(loads))) if known(loads) or not serving else None,
        unscraped=len(serving) - len(known(loads)),
        budget=tightest.metadata.name if tightest is not None else "",
        allowed=allowed(tightest, facts.snapshot.pods) if tightest is not None else None,
        asked=loss.evicted,
        budgets_read=budgets is not None,
        load_s=start.seconds if start is not None else None,
        load_basis=start.basis if start is not None else "",
        comes_back=loss.back,
    )


def _load(replica: Replica) -> float | None:
    """Requests that a server has, running or waiting, at its last scrape; None when it is not known or long ago."""
    samples = replica.samples
    if samples is None or samples.latest is None or samples.stale or samples.latest.running is None:
        return None
    return samples.latest.running + (samples.latest.waiting or 0.0)
