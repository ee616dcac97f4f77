"""The load asks for more replicas than the autoscaler may have.

What it finds
    The HPA says TooManyReplicas: its metrics ask for more than its maximum, and it has that maximum.

Why it matters
    From here on the queue grows instead of the service. It is a limit that somebody chose, so it is a warning.

Evidence
    The HPA's condition, its limits, what the metrics ask for, and how many more replicas the GPUs have room for.

Fix
    `fix-autoscaler-max`, else by hand: raise the maximum, to what the metrics ask for and at most to what the free
    GPUs hold.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.autoscaling import scaling
from vops.diagnosis.facts import Replica, ScalerFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.states import ReplicaState
from vops.model.snapshot import Source


@rule(cause="autoscaler-at-max", branch=Branch.SCALE, of=ScalerFacts, order=50)
def autoscaler_at_max(scaler: ScalerFacts) -> Verdict | None:
    hpa = scaler.hpa
    limited = hpa.condition("ScalingLimited") if hpa is not None else None
    if hpa is None or limited is None or (limited.status, limited.reason) != ("True", "TooManyReplicas"):
        return None
    most, replicas = hpa.spec.max_replicas, hpa.status.current_replicas
    if 0 < replicas < most or _waits_for_pods(scaler):  # 0: not told, since an HPA says this of no target at 0
        return None
    because, at_most = scaling.why(scaler), f" of {most} replicas" if most else ""
    return Verdict(
        summary=f"{scaling.named(scaler)} is at its maximum{at_most} and its metrics ask for more"
        + (f": {because}" if because else ""),
        evidence=(
            scaling.condition(hpa, limited),
            *((scaling.field_of(scaler, _field(scaler), most),) if most else ()),
            *_values(scaler, replicas),
        ),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(_fix(scaler, most, replicas),),
    )


def _field(scaler: ScalerFacts) -> str:
    return "spec.maxReplicaCount" if scaler.scaled_object is not None else "spec.maxReplicas"


def _name(scaler: ScalerFacts) -> str:
    return _field(scaler).rpartition(".")[2]


def _waits_for_pods(scaler: ScalerFacts) -> bool:
    """Whether replicas that it has asked for are not there yet: a higher maximum would only add to the queue."""
    workload = scaler.workload
    late = (ReplicaState.PENDING, ReplicaState.CREATING, ReplicaState.LOADING, ReplicaState.CRASH_LOOPING)
    return workload is not None and any(item.state in late for item in workload.replicas)


def _values(scaler: ScalerFacts, replicas: int) -> tuple[Evidence, ...]:
    return tuple(
        Evidence("hpa", f"{scaler.name} status.currentMetrics[{item.name}]", scaling.in_words(item, replicas))
        for item in scaling.signals(scaler)
        if item.current is not None
    )


def _fix(scaler: ScalerFacts, most: int, replicas: int) -> Fix:
    asked = max((item.wanted(replicas) or 0 for item in scaling.signals(scaler)), default=0)
    room = free_slots(scaler)
    known = [item for item in (asked, most + room if room is not None else 0) if item > most]
    value = min(known, default=0)
    if room == 0:
        return remedies.advice(
            "Add GPUs before raising the maximum",
            f"No node has room for another replica of {scaling.target_named(scaler)}: a higher maximum alone would "
            "only make pods that wait.",
            f"Then raise {_field(scaler)} above {most}: {scaling.edit(scaler)}",
        )
    room_known = f" The GPUs that are free now hold {room} more." if room is not None else ""
    if not value:
        return remedies.advice(
            f"Raise {_name(scaler)}{f' above {most}' if most else ''}",
            scaling.edit(scaler),
            f"Set {_field(scaler)}: as many as the GPUs hold.{room_known} Every replica costs its GPUs.",
        )
    return remedies.of_object(
        "fix-autoscaler-max",
        f"Raise {_name(scaler)} from {most} to {value}",
        Applicability.ASK,
        scaler.ref,
        {"maximum": value},
        (f"Every replica costs its GPUs.{room_known}",),
    )


def free_slots(scaler: ScalerFacts) -> int | None:
    """How many more replicas fit on the nodes as they are; None when that cannot be told."""
    workload = scaler.workload
    replica: Replica | None = workload.replicas[0] if workload is not None and workload.replicas else None
    if replica is None or not scaler.facts.snapshot.source(Source.NODES).usable or not replica.placement.gpus:
        return None
    placement = replica.placement
    free = (placement.free(fit.node, placement.gpu_resource) for fit in placement.allowed)
    return sum(int(amount) // placement.gpus for amount in free if amount > 0)
