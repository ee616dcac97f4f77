"""One sentence about a replica or workload that needs no diagnosis."""

from __future__ import annotations

from vops.diagnosis.autoscaling.scaling import why
from vops.diagnosis.facts import Replica, ScalerFacts, WorkloadFacts
from vops.diagnosis.states import ReplicaState, started_at, startup_budget_s
from vops.model.objects import UNNAMED_PREFIX
from vops.model.quantities import format_duration

_WORST_FIRST = (
    ReplicaState.CRASH_LOOPING,
    ReplicaState.FAILED,
    ReplicaState.NOT_READY,
    ReplicaState.PENDING,
    ReplicaState.CREATING,
    ReplicaState.LOADING,
    ReplicaState.COMPLETED,
    ReplicaState.TERMINATING,
)
_LEFT_BEHIND = (None, ReplicaState.TERMINATING, ReplicaState.FAILED, ReplicaState.COMPLETED)
"""Pods in these states are no worry as long as others serve in their place."""


def state_summary(replica: Replica) -> str:
    """What a replica is doing, when nothing is wrong with it."""
    match replica.state:
        case ReplicaState.READY:
            serves = f", serving {replica.model}" if replica.model else ""
            return f"{replica.name} is ready{serves}{_on_node(replica)}"
        case ReplicaState.LOADING:
            return f"{replica.name} is loading{_how_far(replica)}{_since(replica)}"
        case ReplicaState.CREATING:
            return f"{replica.name} is being created{_on_node(replica)}"
        case ReplicaState.PENDING:
            return f"{replica.name} waits for a node"
        case ReplicaState.COMPLETED:
            return f"{replica.name} has ended, and nothing went wrong"
        case state:
            return f"{replica.name} is {state}"


def workload_state(workload: WorkloadFacts) -> str:
    """The worst state among its replicas; `ready` when all that are wanted are."""
    states = {replica.state for replica in workload.replicas}
    worst = next((state for state in _WORST_FIRST if state in states), None)
    if workload.ready >= workload.desired and worst in _LEFT_BEHIND:
        return ReplicaState.READY if workload.desired else "scaled-to-zero"
    return worst or ReplicaState.PENDING


def workload_summary(workload: WorkloadFacts) -> str:
    return f"{workload.ref.kind.lower()}/{workload.name} has {workload.ready} of {workload.desired} replicas ready"


def scaler_state(scaler: ScalerFacts) -> str:
    """`scaling` when its HPA is able and active, `inactive` when it is not, `unknown` when it was not observed."""
    if scaler.hpa is None:
        return "unknown"
    failing = any(item.type != "ScalingLimited" and item.status == "False" for item in scaler.hpa.status.conditions)
    return "inactive" if failing else "scaling"


def scaler_summary(scaler: ScalerFacts) -> str:
    target = f"{scaler.target.kind.lower()}/{scaler.target.name}"
    if scaler.hpa is None:
        return f"{scaler.name} scales {target}; its HPA was not seen"
    status, limits, because = scaler.hpa.status, scaler.hpa.spec, why(scaler)
    return (
        f"{scaler.name} wants {status.desired_replicas} replicas of {target} and has {status.current_replicas}"
        f" (between {limits.min_replicas} and {limits.max_replicas})" + (f": {because}" if because else "")
    )


def _on_node(replica: Replica) -> str:
    node = replica.pod.spec.node_name
    return f" on {node}" if node and not node.startswith(UNNAMED_PREFIX) else ""


def _how_far(replica: Replica) -> str:
    log = replica.log
    if log is None or not log.phases:
        return ""
    progress = f" {log.progress:.0%}" if log.progress is not None else ""
    return f": {log.stage}{progress}"


def _since(replica: Replica) -> str:
    started = started_at(replica)
    if started is None:
        return ""
    spent_s = (replica.facts.snapshot.at - started).total_seconds()
    budget = f" of {format_duration(startup_budget_s(replica))} allowed" if replica.container.startup_probe else ""
    return f", {format_duration(spent_s)}{budget}"
