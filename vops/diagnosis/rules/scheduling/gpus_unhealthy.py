"""A node has the GPUs that the pod asks for, and its device plugin or a health check holds them for broken.

What it finds
    A node whose capacity would be enough, and that offers fewer of its GPUs, though some: those that are missing have
    had an Xid of the critical kind. Where it offers none at all, the plugin itself may be gone, which is another cause.
    Or a node that a health check (EKS' and AKS' monitors, NVSentinel) calls broken, where no other node would do.

Why it matters
    The scheduler says the same as for GPUs that are merely taken, and no other pod will ever give them back.

Evidence
    Node.status.allocatable against Node.status.capacity, conditions about GPUs, and what the scheduler said.

Fix
    `drain-node`, then by hand: reset the GPUs or restart the machine, or replace it.
"""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix
from vops.diagnosis.nodes.gpu_nodes import gpu_complaints, unhealthy_nodes
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.rooms import capacity
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.objects import Condition
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
    asks = f", and {replica.name} asks for {placement.gpus}" if replica.observed else ""
    return Verdict(
        summary=f"{worst.name} has {has} {resource} and offers {offers}: the device plugin holds the others for "
        f"unhealthy{asks}",
        evidence=(
            *((blockers.request(replica),) if replica.observed else ()),
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


@rule(
    cause="xid-gpu-lost",
    branch=Branch.SCHEDULE,
    needs={Source.NODES},
    explains={"gpu-exhausted", "gpu-request-too-large", "gpu-not-advertised", "node-unavailable", "untolerated-taint"},
    order=8,
)
def gpus_held_for_broken(replica: Replica) -> Verdict | None:
    """A node that a health check has taken out of use, where no other node would do."""
    placement = replica.placement
    if replica.settles or not placement.gpus or any(_in_use(fit) for fit in placement.large_enough):
        return None
    told = [(fit, item) for fit in placement.meant for item in gpu_complaints(fit.node)]
    if not told:
        return None
    fit, item = told[0]
    words = ": ".join(word for word in (item.reason, item.message) if word) or item.status
    return Verdict(
        summary=f"A health check of {fit.name} says that its GPUs are broken ({item.type}): {words[:160]}",
        evidence=(
            *(evidence.node_field(one.node, f"status.conditions[{each.type}]", _told(each)) for one, each in told[:3]),
            *blockers.scheduled_by(replica),
        ),
        confidence=Confidence.PROBABLE if placement.partial else Confidence.STRONG,
        fixes=(_fix(replica, fit.name),),
    )


def _in_use(fit: NodeFit) -> bool:
    """Whether a node takes pods as far as its health goes."""
    return not fit.unavailable and next(gpu_complaints(fit.node), None) is None


def _told(condition: Condition) -> str:
    return f"{condition.status} {condition.reason}: {condition.message}"


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
