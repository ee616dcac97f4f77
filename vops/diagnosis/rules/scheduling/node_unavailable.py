"""Every node that could take the pod is cordoned, not ready or being removed.

What it finds
    The nodes with enough GPUs refuse all pods at present. Silent while such a node is just coming up.

Why it matters
    The pod is right and the nodes are not: nothing about the workload should be changed.

Evidence
    Node.spec.unschedulable, the Ready condition, and the node's own taints.

Fix
    By hand, at the node: uncordon it when maintenance is over, or find out why it is not ready.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source


@rule(cause="node-unavailable", branch=Branch.SCHEDULE, needs={Source.NODES}, order=15)
def node_unavailable(replica: Replica) -> Verdict | None:
    placement = replica.placement
    down = tuple(fit for fit in placement.nearest if fit.unavailable)
    if placement.allowed or not down or replica.settles:
        return None
    how = ", ".join(sorted({fit.unavailable for fit in down}))
    cordoned = [fit.name for fit in down if fit.unavailable in ("cordoned", "unschedulable")]
    steps = [f"When its maintenance is over: kubectl uncordon {name}" for name in cordoned[: blockers.NODES_SHOWN]]
    broken = [fit.name for fit in down if fit.name not in cordoned][: blockers.NODES_SHOWN]
    steps += [f"See why {name} is not ready, and its kubelet: kubectl describe node {name}" for name in broken]
    return Verdict(
        summary=f"{replica.name} could only run on {blockers.nodes_in_words(down)}, which take no pods: {how}",
        evidence=(
            *(_evidence(fit) for fit in down[: blockers.NODES_SHOWN]),
            *blockers.scheduled_by(replica),
        ),
        confidence=blockers.confidence(placement, Obstacle.UNAVAILABLE, down),
        fixes=(remedies.advice("Bring a node back", *steps),),
    )


def _evidence(fit: NodeFit) -> Evidence:
    if fit.unavailable == "cordoned":
        return evidence.node_field(fit.node, "spec.unschedulable", "true", expected="false")
    ready = next((item for item in fit.node.status.conditions if item.type == "Ready"), None)
    if ready is not None and ready.status != "True":
        return evidence.node_field(
            fit.node, "status.conditions[Ready]", f"{ready.status} {ready.reason}: {ready.message}", expected="True"
        )
    return evidence.node_field(fit.node, "spec.taints", fit.unavailable)
