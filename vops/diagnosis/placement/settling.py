"""Pods that wait for something which is under way and ends by itself: no fault, and nothing to report.

A node that is just coming up, GPUs that a pod on its way out is about to let go, a preemption that was decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from vops.diagnosis.nodes.gpu_nodes import bare_gpu_nodes
from vops.diagnosis.placement.demands import pod_requests
from vops.diagnosis.placement.filters.volumes import Trouble
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.scheduler_text import Preemption
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.resources import Node

if TYPE_CHECKING:
    from vops.diagnosis.subjects import Replica

YOUNG = timedelta(minutes=10)
"""How long a new node may take for its driver, its device plugin and its network."""

_MAKING = timedelta(minutes=2)
"""How long a cloud may take to make a volume."""

_GRACE = timedelta(minutes=1)
"""How long after its grace period a pod may still be there."""


def settles(replica: Replica) -> str:
    """What the pod waits for that comes by itself, in words; empty where nothing does."""
    placement = replica.placement
    said = placement.scheduler
    if replica.pod.status.nominated_node_name:
        return f"pods of lower priority make room on {replica.pod.status.nominated_node_name}"
    if said is not None and said.preemption is Preemption.UNDER_WAY:
        return "pods of lower priority make room"
    if made := being_made(replica):
        return f"a volume is being made for {made}"
    leaving = next((fit for fit in placement.allowed if frees_enough(replica, fit)), None)
    if leaving is not None:
        return f"pods on {leaving.name} are ending"
    fits = placement.nearest
    if fits and all(fit.unavailable and fit.unavailable != "cordoned" and is_young(replica, fit.node) for fit in fits):
        return f"node {fits[0].name} is coming up"
    suited = [fit for fit in placement.large_enough if not fit.mismatches]
    taken = not placement.large_enough or (suited and all(fit.short_of_gpu for fit in suited))
    bare = bare_gpu_nodes(placement) if taken else ()
    young = next((fit for fit in bare if is_young(replica, fit.node) and not fit.taints), None)
    return f"the GPUs of the new node {young.name} are not advertised yet" if young else ""


def being_made(replica: Replica) -> str:
    """The claim that a provisioner has only just been asked to make a volume for; empty when there is none."""
    for block in replica.placement.claim_blocks:
        claim, facts = block.claim, replica.facts
        if claim is None or block.trouble is not Trouble.UNBOUND or facts.storage.class_of(claim) is None:
            continue
        meta = claim.metadata
        about = facts.events_of(Ref("PersistentVolumeClaim", meta.name, meta.namespace, meta.uid))
        warned = any(event.type == "Warning" for event in about)
        if not warned and meta.creation_timestamp and facts.snapshot.at - meta.creation_timestamp < _MAKING:
            return meta.name
    return ""


def is_young(replica: Replica, node: Node) -> bool:
    """Whether a node is so new that what it lacks may still come."""
    made = node.metadata.creation_timestamp
    return made is not None and replica.facts.snapshot.at - made < YOUNG


def frees_enough(replica: Replica, fit: NodeFit) -> bool:
    """Whether pods that are on their way out hold what a node lacks, so that it will fit without anybody's doing."""
    placement = replica.placement
    going = [pod for pod in placement.around.rooms[fit.name].leaving if _is_going(replica, pod)]
    if not going or not fit.obstacles:
        return False
    gone = {pod.metadata.uid for pod in going}
    others = (*(pod for _, pod in fit.ports), *(pod for item in fit.repulsions for pod in item.pods))
    if fit.skews or any(not item.pods for item in fit.repulsions):
        return False
    return _enough(fit, going) and all(pod.metadata.uid in gone for pod in others)


def held_by(pods: Sequence[Pod], resource: str) -> Decimal:
    """How much of a resource some pods hold together."""
    return sum((pod_requests(pod.spec).get(resource, Decimal()) for pod in pods), Decimal())


def _enough(fit: NodeFit, going: Sequence[Pod]) -> bool:
    return all(item.free + held_by(going, item.resource) >= item.wanted for item in fit.short)


def _is_going(replica: Replica, pod: Pod) -> bool:
    """Whether a pod is within the time that it was given to end (its deletionTimestamp is the end of that time)."""
    until = pod.metadata.deletion_timestamp
    return until is not None and replica.facts.snapshot.at - until < _GRACE
