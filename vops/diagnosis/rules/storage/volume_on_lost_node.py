"""A volume is still attached to a node that is not ready or gone, so the pod that replaces the old one waits for it.

What it finds
    The pod's volume is held by another node, and that node's Ready condition is not True, or the node is gone.

Why it matters
    Nobody can know whether the lost node still writes. Kubernetes lets go of the volume only when the old pod is gone,
    and forces it after six minutes at best; with an unreachable kubelet the old pod stays Terminating for ever.

Evidence
    The attach error, the pod that has the volume, and its node's Ready condition.

Fix
    By hand: make sure that the node is down, then mark it out of service or delete it.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.storage.multi_attach import users_evidence
from vops.diagnosis.starting.attachments import held_elsewhere, lost_node
from vops.model.resources import Node


@rule(cause="node-lost", branch=Branch.START, explains={"multi-attach"}, order=8)
def volume_on_lost_node(replica: Replica) -> Verdict | None:
    held = held_elsewhere(replica)
    name, node = lost_node(replica, held) if held is not None else ("", None)
    if held is None or not name:
        return None
    state = "is gone" if node is None else "is not ready"
    return Verdict(
        summary=f"{replica.name} waits for the volume {held.volume} of {name}, which {state} and has not let go of it",
        evidence=(_node(name, node), evidence.event(held.event), *users_evidence(held)),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                f"Let go of what {name} holds",
                f"Make sure that {name} is really down (power it off), so that it cannot write any more.",
                f"Then: kubectl taint node {name} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute",
                f"Or delete it for good: kubectl delete node {name}; the volume is let go of within six minutes.",
            ),
        ),
    )


def _node(name: str, node: Node | None) -> Evidence:
    if node is None:
        return Evidence("node", name, "not there", expected="Ready")
    ready = next(item for item in node.status.conditions if item.type == "Ready")
    return evidence.node_field(
        node, "status.conditions[Ready]", f"{ready.status} {ready.reason}: {ready.message}", expected="True"
    )
