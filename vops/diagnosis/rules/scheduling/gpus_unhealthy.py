"""A node has the GPUs that the pod asks for, and its device plugin holds some of them for broken.

What it finds
    A node whose capacity would be enough, and that offers fewer of its GPUs, though some: those that are missing have
    had an Xid of the critical kind. Where it offers none at all, the plugin itself may be gone, which is another cause.

Why it matters
    The scheduler says the same as for GPUs that are merely taken, and no other pod will ever give them back.

Evidence
    Node.status.allocatable against Node.status.capacity, and what the scheduler said.

Fix
    `drain-node`, then by hand: reset the GPUs or restart the machine, or replace it.
"""

from __future__ import annotations

from vops.diagnosis import blockers, evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.filters.rooms import capacity
from vops.diagnosis.findings import Applicability, Confidence, Fix
from vops.diagnosis.gpu_nodes import unhealthy_nodes
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source


@rule(
    cause="xid-gpu-lost",
    branch=Branch.SCHEDULE,
    needs={Source.NODES},
    explains={"gpu-exhausted", "gpu-request-too-large"},
    order=9,
)
def gpus_unhealthy(replica: Replica) -> Verdict | None:
    placement, resource = replica.placement, replica.placement.gpu_resource
    broken = [fit for fit in unhealthy_nodes(placement) if placement.offered(fit.node, resource) > 0]
    if replica.settles or not broken or any(not fit.mismatches for fit in placement.large_enough):
        return None
    worst = broken[0]
    has, offers = capacity(worst.node, resource), placement.offered(worst.node, resource)
    return Verdict(
        summary=f"{worst.name} has {has} {resource} and offers {offers}: the device plugin holds the others for "
        f"unhealthy, and {replica.name} asks for {placement.gpus}",
        evidence=(
            blockers.request(replica),
            *(
                evidence.node_field(
                    fit.node,
                    f"status.allocatable[{resource}]",
                    placement.offered(fit.node, resource),
                    expected=str(capacity(fit.node, resource)),
                )
                for fit in broken[: blockers.NODES_SHOWN]
            ),
            *blockers.scheduled_by(replica),
        ),
        confidence=Confidence.PROBABLE if placement.partial else Confidence.CERTAIN,
        fixes=(_fix(replica, worst.name),),
    )


def _fix(replica: Replica, node: str) -> Fix:
    return Fix(
        "Make the GPUs healthy again",
        Applicability.ASK,
        "drain-node",
        {"namespace": replica.namespace, "node": f"node/{node}"},
        (
            f"See the device plugin's log on {node} for the Xid that marked them, and dmesg for NVRM: Xid.",
            "Then reset its GPUs or restart it, or replace it; kubectl uncordon it when it offers all of them.",
        ),
    )
