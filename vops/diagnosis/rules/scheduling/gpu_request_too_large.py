"""The pod asks for more GPUs than any node has.

What it finds
    GPUs are advertised, and no node's allocatable count reaches what one pod asks for.

Why it matters
    A pod runs on one node. Nothing that is freed and no further node of the same size will ever make room.

Evidence
    The request, and the largest allocatable count with its node; capacity above it means unhealthy GPUs.

Fix
    By hand: ask for as many GPUs as tensor × pipeline parallelism needs, or use larger nodes.
"""

from __future__ import annotations

from vops.diagnosis import blockers, evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.filters.rooms import capacity
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source


@rule(cause="gpu-request-too-large", branch=Branch.SCHEDULE, needs={Source.NODES}, order=10)
def gpu_request_too_large(replica: Replica) -> Verdict | None:
    placement, resource = replica.placement, replica.placement.gpu_resource
    if not placement.gpus or placement.large_enough:
        return None
    largest = max(
        (fit.node for fit in placement.fits),
        key=lambda node: placement.offered(node, resource),
        default=None,
    )
    if largest is None or not placement.offered(largest, resource):
        return None
    most, there = (
        placement.offered(largest, resource),
        max(capacity(fit.node, resource) for fit in placement.fits),
    )
    needs = replica.args.gpus
    lower = (f"vLLM needs {needs}: ask for {needs}.",) if replica.args.line and needs < placement.gpus else ()
    step = f"Set resources.limits[{resource}] and --tensor-parallel-size to at most {most}, or use larger nodes."
    asks = f"{replica.name} asks for {placement.gpus} {resource}"
    return Verdict(
        summary=f"{asks}, and the largest node, {largest.metadata.name}, has {most}",
        evidence=(
            blockers.request(replica),
            evidence.node_field(largest, f"status.allocatable[{resource}]", most, expected=f"{placement.gpus} or more"),
            *(
                (
                    evidence.node_field(
                        largest, f"status.capacity[{resource}]", f"{there} on the largest: some are unhealthy"
                    ),
                )
                if there > most
                else ()
            ),
            *blockers.scheduled_by(replica),
        ),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.by_steps(
                replica,
                "Ask for no more GPUs than a node has",
                (*lower, step),
            ),
        ),
    )
