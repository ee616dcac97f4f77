"""The nodes offer GPUs under another resource name than the pod asks for.

What it finds
    No node that the pod picks has the resource that is asked for, while nodes advertise others: MIG slices, shared
    GPUs, another vendor's.

Why it matters
    The names must match to the letter; a MIG node with strategy `mixed` offers no `nvidia.com/gpu` at all, and time
    slicing with `renameByDefault` offers `nvidia.com/gpu.shared` in its place.

Evidence
    The pod's request, and the GPU resources in Node.status.capacity.

Fix
    `fix-gpu-resource`, else by hand: ask for a resource that exists, when a slice of that size is enough for the
    model.
"""

from __future__ import annotations

from collections.abc import Iterable

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence
from vops.diagnosis.nodes.gpu_nodes import gpu_resources
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.rooms import capacity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.resources import Node
from vops.model.snapshot import Source


@rule(cause="wrong-gpu-resource", branch=Branch.SCHEDULE, needs={Source.NODES}, order=10)
def wrong_gpu_resource(replica: Replica) -> Verdict | None:
    placement, resource = replica.placement, replica.placement.gpu_resource
    fits = placement.meant if placement.picks_nodes and placement.meant else placement.fits
    nodes = [fit.node for fit in fits]
    if not placement.gpus or any(capacity(node, resource) > 0 for node in nodes):
        return None
    offered = offered_gpu_resources(nodes)
    if not offered:
        return None
    instead = ", ".join(offered)
    shown = [node for node in nodes if any(capacity(node, name) for name in offered)][: blockers.NODES_SHOWN]
    whose = "no node that it picks" if placement.picks_nodes else "no node"
    return Verdict(
        summary=f"{replica.name} asks for {resource}, which {whose} offers; offered is {instead}",
        evidence=(
            blockers.request(replica),
            *(
                evidence.node_field(
                    node,
                    "status.capacity",
                    ", ".join(f"{name}: {capacity(node, name)}" for name in offered if capacity(node, name)),
                )
                for node in shown
            ),
            *blockers.scheduled_by(replica),
        ),
        confidence=Confidence.PROBABLE if placement.partial else Confidence.CERTAIN,
        fixes=(
            remedies.runbook(
                replica,
                "fix-gpu-resource",
                f"Ask for {offered[0]}",
                Applicability.SAFE if len(offered) == 1 and _whole(offered[0]) else Applicability.ASK,
                {"container": replica.container.name, "resource": offered[0]},
                by_hand=(f"In resources.limits replace {resource} by {instead}, if the model fits into one of those.",),
            ),
        ),
    )


def _whole(resource: str) -> bool:
    """Whether one of it is a whole GPU, and not a part."""
    return resource.endswith("/gpu")


def offered_gpu_resources(nodes: Iterable[Node]) -> list[str]:
    """Every GPU resource that some node has, by name."""
    return sorted({name for node in nodes for name in gpu_resources(node)})
