"""The pod asks for more GPUs than any node has.

What it finds
    GPUs are advertised, and no node's count reaches what one pod asks for, not even with its unhealthy ones.

Why it matters
    A pod runs on one node. Nothing that is freed and no further node of the same size will ever make room.

Evidence
    The request, and the largest allocatable count with its node.

Fix
    `fix-gpu-count`, else by hand: ask for as many GPUs as tensor × pipeline parallelism needs, or use larger nodes.
"""

from __future__ import annotations

from typing import Any

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.rooms import capacity
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source


@rule(
    cause="gpu-request-too-large",
    branch=Branch.SCHEDULE,
    needs={Source.NODES},
    explains={"autoscaler-no-match"},
    order=10,
)
def gpu_request_too_large(replica: Replica) -> Verdict | None:
    placement, resource = replica.placement, replica.placement.gpu_resource
    largest = _largest(replica)
    if largest is None:
        return None
    most = placement.offered(largest.node, resource)
    needs = replica.args.gpus
    lower = (f"vLLM needs {needs}: ask for {needs}.",) if replica.args.line and needs < placement.gpus else ()
    step = f"Set resources.limits[{resource}] and --tensor-parallel-size to at most {most}, or use larger nodes."
    asks = f"{replica.name} asks for {placement.gpus} {resource}"
    picked = "largest node that it picks by labels" if placement.picks_nodes else "largest node"
    return Verdict(
        summary=f"{asks}, and the {picked}, {largest.name}, has {most}",
        evidence=(
            blockers.request(replica),
            evidence.node_field(
                largest.node, f"status.allocatable[{resource}]", most, expected=f"{placement.gpus} or more"
            ),
            *blockers.scheduled_by(replica),
        ),
        confidence=Confidence.PROBABLE if placement.partial else Confidence.CERTAIN,
        fixes=(_fix(replica, int(most), (*lower, step)),),
    )


def _fix(replica: Replica, most: int, by_hand: tuple[str, ...]) -> Fix:
    """What vLLM needs, where the pod merely asks for more; else a model split over what a node has."""
    title, args = "Ask for no more GPUs than a node has", replica.args
    if not args.line or args.pipeline_parallel_size not in (None, 1) or most < 1:
        return remedies.by_steps(replica, title, by_hand)
    needs = args.gpus
    gpus = needs if needs <= most else 1 << (most.bit_length() - 1)
    params: dict[str, Any] = {"container": replica.container.name, "gpus": gpus}
    params |= {} if needs <= most else {"tp": gpus}
    applicability = Applicability.SAFE if needs <= most else Applicability.ASK
    return remedies.runbook(replica, "fix-gpu-count", title, applicability, params, by_hand=by_hand, notes=by_hand)


def _largest(replica: Replica) -> NodeFit | None:
    """The node with the most GPUs, of those that the pod picks, where even its whole capacity is too little."""
    placement, resource = replica.placement, replica.placement.gpu_resource
    if not placement.gpus or any(capacity(fit.node, resource) >= placement.gpus for fit in placement.meant):
        return None
    offering = [fit for fit in placement.meant if placement.offered(fit.node, resource)]
    if not offering and not placement.large_enough:
        offering = [fit for fit in placement.fits if placement.offered(fit.node, resource)]
    return max(offering, key=lambda fit: placement.offered(fit.node, resource), default=None)
