"""Shared by the scheduling rules: how sure a recomputed obstacle is, and how to say where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vops.diagnosis import evidence
from vops.diagnosis.facts import Facts, Replica, gpu_product
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.placement.recompute import NodeFit, Placement
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.model.pods import Pod
from vops.model.quantities import format_duration

_FILTER_ORDER = (
    Obstacle.UNAVAILABLE,
    Obstacle.TAINT,
    Obstacle.SELECTOR,
    Obstacle.PORTS,
    Obstacle.RESOURCE,
    Obstacle.PODS,
    Obstacle.VOLUME,
    Obstacle.SPREAD,
    Obstacle.POD_AFFINITY,
    Obstacle.CLAIM,
)
"""The order in which the scheduler asks, and stops at the first that fails."""

_SAID_AS_ONE = ({Obstacle.RESOURCE, Obstacle.PODS},)
NODES_SHOWN = 5


def confidence(placement: Placement, obstacle: Obstacle, fits: Iterable[NodeFit]) -> Confidence:
    """How sure an obstacle on these nodes is: the objects prove it, and the scheduler agrees or cannot be heard.

    The scheduler names only the first obstacle of each node, so it contradicts only where this would be the first. It
    is probable as well where the scheduler counts nodes that were not seen.
    """
    said = placement.scheduler
    if said is None:
        return Confidence.STRONG
    if placement.partial:
        return Confidence.PROBABLE
    first = any(first_obstacle(fit) is obstacle for fit in fits)
    if said.blocked or not said.reasons or not first or _says(placement, obstacle):
        return Confidence.CERTAIN
    return Confidence.PROBABLE


def _says(placement: Placement, obstacle: Obstacle) -> bool:
    said = placement.scheduler
    kinds = next((group for group in _SAID_AS_ONE if obstacle in group), {obstacle})
    return said is not None and any(said.says(kind) for kind in kinds)


def first_obstacle(fit: NodeFit) -> Obstacle | None:
    """The only obstacle of a node that the scheduler would name; None for a node that fits."""
    return next((kind for kind in _FILTER_ORDER if kind in fit.obstacles), None)


def scheduled_by(replica: Replica) -> tuple[Evidence, ...]:
    """The scheduler's words and what vops did not recompute, for the end of every list of evidence."""
    placement = replica.placement
    notes = [f"not recomputed: {', '.join(placement.unchecked)}"] if placement.unchecked else []
    said = placement.scheduler
    if placement.partial and said is not None:
        notes.append(f"the scheduler counts {said.nodes} nodes, {len(placement.fits)} were seen")
    return (*evidence.scheduler(replica), *(evidence.pod_field("spec", note) for note in notes))


def request(replica: Replica) -> Evidence:
    """What the pod asks for in GPUs."""
    placement = replica.placement
    path = f"resources.limits[{placement.gpu_resource}]"
    return evidence.container_field(replica, path, placement.gpus)


def named(names: Iterable[str], limit: int = NODES_SHOWN) -> str:
    """`a, b and 3 more`."""
    several = list(names)
    shown, rest = several[:limit], len(several) - limit
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def nodes_in_words(fits: Sequence[NodeFit]) -> str:
    """`the only NVIDIA-L4 node, gpu-1` or `all 3 nodes (gpu-1, gpu-2, gpu-3)`."""
    products = {gpu_product(fit.node) for fit in fits} - {""}
    kind = f"{products.pop()} " if len(products) == 1 else ""
    if len(fits) == 1:
        return f"{kind}node {fits[0].name}"
    return f"{len(fits)} {kind}nodes ({named(fit.name for fit in fits)})"


def pod_in_words(pod: Pod) -> str:
    """`ns/name`, with its priority where it has one."""
    priority = f" (priority {pod.spec.priority})" if pod.spec.priority else ""
    return f"{pod.metadata.namespace}/{pod.metadata.name}{priority}"


def holder_in_words(facts: Facts, pod: Pod) -> str:
    """`ns/name (priority 100, 3d4h old)`."""
    made = pod.metadata.creation_timestamp
    details = [f"priority {pod.spec.priority}"] if pod.spec.priority else []
    if made is not None:
        details.append(f"{format_duration((facts.snapshot.at - made).total_seconds())} old")
    if pod.metadata.deletion_timestamp is not None:
        details.append("ending")
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    return f"{name} ({', '.join(details)})" if details else name
