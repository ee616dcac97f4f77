"""A new node has joined, and its GPU is not there: device plugin or driver are missing on nodes of this pool.

What it finds
    A Karpenter NodeClaim whose node joined more than six minutes ago and does not advertise the GPU that it was made
    for (`ResourceNotRegistered`).

Why it matters
    Karpenter waits for the resource for ever, and pays for the node meanwhile. The pod stays pending.

Evidence
    The NodeClaim's conditions.

Fix
    By hand: install the device plugin, let its DaemonSet tolerate the pool's taints, or use an image with the driver.
"""

from __future__ import annotations

from vops.diagnosis import capacity, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.outcomes import Outcome
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.quantities import format_duration


@rule(cause="gpu-not-advertised", branch=Branch.SCHEDULE, explains={"gpu-exhausted"}, order=6)
def gpu_never_registered(replica: Replica) -> Verdict | None:
    found = replica.provisioning
    if found.outcome is not Outcome.UNREGISTERED:
        return None
    claim = found.claims[0]
    node = claim.status.node_name or claim.metadata.name
    age = format_duration(capacity.age_s(replica, found) or 0)
    return Verdict(
        summary=f"Node {node}, made for {replica.name}, has been up for {age} and does not advertise {found.detail}",
        evidence=capacity.shown(replica),
        confidence=found.confidence,
        fixes=(
            remedies.advice(
                "Make the node advertise its GPU",
                f"See what runs there: kubectl get pods -A -o wide --field-selector spec.nodeName={node}",
                "The device plugin's DaemonSet has to run on it, and so to tolerate the taints of its NodePool.",
                "Where it runs, its log tells whether the driver is missing: use an image of the node class with one.",
            ),
        ),
    )
