"""Nodes with enough GPUs are there and would take the pod, and all their GPUs are held.

What it finds
    allocatable minus the requests of every pod that has not ended is less than the pod asks for, on each node that it
    may use. Silent while pods that are on their way out are about to let go of enough, or a preemption is under way.

Why it matters
    Waiting helps only if somebody lets go or a node comes. Who holds the GPUs is the first question on call.

Evidence
    Node.status.allocatable, the holders with namespace, priority and age, and the scheduler's own words.

Fix
    None is automatic: other people's pods are not vops's to move. The holders are named.
"""

from __future__ import annotations

from collections.abc import Sequence

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.pods import Pod
from vops.model.snapshot import Source


@rule(cause="gpu-exhausted", branch=Branch.SCHEDULE, needs={Source.NODES}, order=40)
def gpu_exhausted(replica: Replica) -> Verdict | None:
    full = full_nodes(replica)
    if not full or replica.settles:
        return None
    placement = replica.placement
    asks = f"{placement.gpus} {placement.gpu_resource}"
    lower = _outranked(replica, full)
    preempt = f" (it ranks above {blockers.named(pod.metadata.name for pod in lower)})" if lower else ""
    return Verdict(
        summary=f"{replica.name} asks for {asks}, and {_taken(replica, full)} on {blockers.nodes_in_words(full)}",
        evidence=(blockers.request(replica), *holder_evidence(replica, full), *blockers.scheduled_by(replica)),
        confidence=blockers.confidence(placement, Obstacle.RESOURCE, full),
        fixes=(
            remedies.advice(
                "Free a GPU or add one",
                f"Scale down or move one of the holders named in the evidence, if it is yours to move{preempt}.",
                "Or add a GPU node of the same kind.",
                "Or give this workload a higher priority (priorityClassName), if it matters more than the holders.",
            ),
        ),
    )


def full_nodes(replica: Replica) -> Sequence[NodeFit]:
    """The nodes that it could run on were it not for their GPUs being held; empty when one has enough free."""
    placement = replica.placement
    nearest = placement.nearest
    if not placement.gpus or not nearest or not all(fit.short_of_gpu for fit in nearest):
        return ()
    if placement.meant and all(fit.mismatches for fit in nearest):
        return ()  # the nodes that it picks have too few at all: who holds the others' does not matter
    return tuple(fit for fit in placement.allowed if fit.short_of_gpu) or nearest


def _taken(replica: Replica, full: Sequence[NodeFit]) -> str:
    """`all are taken`, or how the free ones are scattered over nodes with too few each."""
    placement = replica.placement
    free = [int(placement.free(fit.node, placement.gpu_resource)) for fit in full]
    if not any(count > 0 for count in free):
        return "all are taken"
    return f"at most {max(free)} are free on one node ({sum(free)} in all)"


def holder_evidence(replica: Replica, full: Sequence[NodeFit]) -> tuple[Evidence, ...]:
    """For each node: how many GPUs it offers, and who holds them."""
    placement, resource = replica.placement, replica.placement.gpu_resource
    found = []
    for fit in full[: blockers.NODES_SHOWN]:
        held = placement.holders(fit.name, resource)
        holders = blockers.named(blockers.holder_in_words(replica.facts, pod) for pod in held)
        offered = placement.offered(fit.node, resource)
        found.append(
            evidence.node_field(
                fit.node,
                f"status.allocatable[{resource}]",
                f"{offered}, {placement.free(fit.node, resource)} free; held by {holders or 'nobody'}",
                expected=f"{placement.gpus} free",
            )
        )
    return tuple(found)


def _outranked(replica: Replica, full: Sequence[NodeFit]) -> list[Pod]:
    """Holders of lower priority, which the scheduler leaves alone as this pod may not preempt."""
    spec = replica.pod.spec
    if spec.preemption_policy != "Never":
        return []
    placement = replica.placement
    held = (pod for fit in full for pod in placement.holders(fit.name, placement.gpu_resource))
    return [pod for pod in held if pod.spec.priority < spec.priority]
