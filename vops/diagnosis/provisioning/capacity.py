"""Shared by the capacity rules: what was asked and answered, as evidence and in words, and how much is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.placement import blockers
from vops.diagnosis.provisioning import karpenter
from vops.diagnosis.provisioning.cloud_text import CloudAnswer, cloud_of
from vops.diagnosis.provisioning.outcomes import Provisioning
from vops.diagnosis.states import ReplicaState
from vops.model.patterns import lazy_pattern
from vops.model.provisioning import NodePool
from vops.model.quantities import format_duration
from vops.model.text import one_line

ANY_NODE = frozenset(
    {
        "gpu-exhausted",
        "gpu-not-advertised",
        "gpu-request-too-large",
        "wrong-gpu-resource",
        "cpu-memory-short",
        "node-unavailable",
        "node-selector-mismatch",
        "untolerated-taint",
        "spread-or-affinity",
    }
)
"""What is wrong with the nodes that are there, once it is known that a new node would take the pod."""

LACK_OF_NODES = frozenset({"gpu-exhausted", "gpu-not-advertised", "cpu-memory-short"})
"""What more nodes of the same kind would end."""

_SHOWN = 4
_STAGES = ("Launched", "Registered", "Initialized")
_LONGEST = 200
_WRAPPED = lazy_pattern(r"(?:this pod failed|NodeClaim \S{1,253} event): (.{1,2000}?)(?:\. Pod is at risk|$)")


# --- evidence ---------------------------------------------------------------------------------------------


def shown(replica: Replica) -> tuple[Evidence, ...]:
    """What the autoscaler said and did, then the scheduler's own words."""
    said = tuple(evidence.event(item) for item in replica.provisioning.events[-_SHOWN:])
    asks = (blockers.request(replica),) if replica.placement.gpus else ()
    state = (*_group_evidence(replica), *_claim_evidence(replica), *_pool_evidence(replica))
    return (*said, *state, *asks, *blockers.scheduled_by(replica))


def _group_evidence(replica: Replica) -> Iterator[Evidence]:
    for group in replica.provisioning.groups[:_SHOWN]:
        words = f"{group.status or '?'}{_sizes(group.target, group.most)} {group.code} {group.message}"
        yield Evidence("configmap", f"cluster-autoscaler-status nodeGroups[{group.short}]", one_line(words.strip()))


def _claim_evidence(replica: Replica) -> Iterator[Evidence]:
    for claim in replica.provisioning.claims[:_SHOWN]:
        for item in claim.status.conditions:
            if item.status != "True" and item.type in _STAGES and item.reason:
                where = f"{claim.metadata.name} status.conditions[{item.type}]"
                yield Evidence("nodeclaim", where, one_line(f"{item.status} {item.reason}: {item.message}"))


def _pool_evidence(replica: Replica) -> Iterator[Evidence]:
    for pool in serving_pools(replica):
        if text := karpenter.trouble(pool):
            yield Evidence("nodepool", f"{pool.metadata.name} status.conditions", one_line(text))


def _sizes(target: int | None, most: int | None) -> str:
    return f", {target} of at most {most} nodes" if target is not None and most is not None else ""


def pool_limits(replica: Replica) -> tuple[Evidence, ...]:
    """The limits of the NodePools that would serve the pod, and what of them is used."""
    return tuple(
        Evidence("nodepool", f"{pool.metadata.name} spec.limits[{resource}]", f"{used} of {limit} used")
        for pool in serving_pools(replica)
        for resource, (used, limit) in karpenter.limits(pool).items()
    )


def serving_pools(replica: Replica) -> tuple[NodePool, ...]:
    """The NodePools that the pod's labels and tolerations leave."""
    return tuple(pool for pool in replica.facts.autoscalers.pools if karpenter.admits(pool, replica.pod))


def cloud(replica: Replica) -> str:
    """`gce`, `aws` or `azure`: by where the nodes come from, else by the words of the cloud; empty when unknown."""
    known = replica.facts.autoscalers.cloud
    words = " ".join(f"{answer.text} {' '.join(answer.machines)}" for answer in replica.provisioning.answers)
    return known or cloud_of(words)


# --- words ------------------------------------------------------------------------------------------------


def where(answers: Iterable[CloudAnswer]) -> str:
    """` in us-west-2a` for the zones that answered; empty when none is known."""
    zones = dict.fromkeys(zone for answer in answers for zone in answer.zones)
    return f" in {', '.join(zones)}" if zones else ""


def what(replica: Replica) -> str:
    """The machine that the cloud was asked for, or the GPUs that are waited for."""
    machines = dict.fromkeys(name for answer in replica.provisioning.answers for name in answer.machines)
    placement = replica.placement
    return ", ".join(machines) or (f"node with {placement.gpus} {placement.gpu_resource}" if placement.gpus else "node")


def said(answer: CloudAnswer) -> str:
    """The cloud's own words, without what the autoscaler put around them."""
    inner = _WRAPPED.search(answer.text)
    words = (inner[1] if inner else answer.text).strip(" .")
    return words if len(words) <= _LONGEST else words[:_LONGEST].rsplit(" ", 1)[0].rstrip(" .;:,") + "…"


def need(replica: Replica) -> str:
    """`3 replicas wait for 6 GPUs`; for nodes, where it is not known that they ask for any."""
    count, gpus = waiting(replica)
    who = "1 replica waits" if count == 1 else f"{count} replicas wait"
    return f"{who} for {gpus} GPU{'' if gpus == 1 else 's'}" if gpus else f"{who} for a node"


def age_s(replica: Replica, found: Provisioning) -> float | None:
    """Seconds since a node was first asked for."""
    return (replica.facts.snapshot.at - found.since).total_seconds() if found.since else None


def tried_for(replica: Replica) -> str:
    """`, tried for 25m`; empty when it is not known since when."""
    seconds = age_s(replica, replica.provisioning)
    return f", tried for {format_duration(seconds)}" if seconds is not None and seconds >= 1 else ""


def waiting(replica: Replica) -> tuple[int, int]:
    """How many replicas of the same owner wait for a node, and how many GPUs they ask for together."""
    several = [
        item
        for item in replica.facts.replicas
        if item.state is ReplicaState.PENDING and (item.owner == replica.owner if replica.owner else item is replica)
    ]
    count = max(1, len(several))
    return count, count * replica.gpu_count
