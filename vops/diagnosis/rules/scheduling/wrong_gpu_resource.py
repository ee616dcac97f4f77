"""The nodes offer GPUs under another resource name than the pod asks for.

What it finds
    No node has the resource that is asked for, while nodes advertise others: MIG slices, shared GPUs, another vendor's.

Why it matters
    The names must match to the letter; a MIG node with strategy `mixed` offers no `nvidia.com/gpu` at all.

Evidence
    The pod's request, and the GPU resources in Node.status.capacity.

Fix
    By hand: ask for a resource that exists, when a slice of that size is enough for the model.
"""

from __future__ import annotations

from collections.abc import Iterable

from vops.diagnosis import blockers, evidence, remedies
from vops.diagnosis.demands import amounts, is_gpu
from vops.diagnosis.facts import Replica
from vops.diagnosis.filters.rooms import capacity
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.resources import Node
from vops.model.snapshot import Source


@rule(cause="wrong-gpu-resource", branch=Branch.SCHEDULE, needs={Source.NODES}, order=10)
def wrong_gpu_resource(replica: Replica) -> Verdict | None:
    placement, resource = replica.placement, replica.placement.gpu_resource
    nodes = [fit.node for fit in placement.fits]
    if not placement.gpus or any(capacity(node, resource) > 0 for node in nodes):
        return None
    offered = offered_gpu_resources(nodes)
    if not offered:
        return None
    instead = ", ".join(offered)
    shown = [node for node in nodes if any(capacity(node, name) for name in offered)][: blockers.NODES_SHOWN]
    return Verdict(
        summary=f"{replica.name} asks for {resource}, which no node offers; offered is {instead}",
        evidence=(
            blockers.request(replica),
            *(
                evidence.node_field(
                    node,
                    "status.capacity",
                    {name: str(capacity(node, name)) for name in offered if capacity(node, name)},
                )
                for node in shown
            ),
            *blockers.scheduled_by(replica),
        ),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.by_steps(
                replica,
                f"Ask for {instead}",
                (f"In resources.limits replace {resource} by {instead}, if the model fits into one of those.",),
            ),
        ),
    )


def offered_gpu_resources(nodes: Iterable[Node]) -> list[str]:
    """Every GPU resource that some node has, by name."""
    return sorted(
        {name for node in nodes for name, n in amounts(node.status.capacity).items() if is_gpu(name) and n > 0}
    )
