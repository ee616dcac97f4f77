"""The node cannot prepare the devices of a resource claim that was allocated to it.

What it finds
    `FailedPrepareDynamicResources` events that come back and that nothing has overtaken.

Why it matters
    The scheduler has done its part: the DRA driver of the node does not run, or refuses. The pod hangs in
    ContainerCreating without a log.

Evidence
    The kubelet's event, and the claims of the pod.

Fix
    By hand: the driver's plugin on that node; cordon the node until it answers.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import persists, stuck_at
from vops.diagnosis.states import ReplicaState
from vops.model.patterns import lazy_pattern

_DRIVER = lazy_pattern(r"(?:driver|plugin name|plugin) (?P<name>[\w-]{1,63}(?:\.[\w-]{1,63}){1,9})")


@rule(cause="device-allocation-failed", branch=Branch.START, order=16)
def claim_not_prepared(replica: Replica) -> Verdict | None:
    event = stuck_at(replica, ("FailedPrepareDynamicResources",)) if replica.state is ReplicaState.CREATING else None
    if event is None or not persists(replica, event):
        return None
    node, match = replica.pod.spec.node_name or "the node", _DRIVER.search(event.message)
    driver = match["name"] if match is not None else "of the claim"
    claims = ", ".join(str(item.get("name", "")) for item in replica.pod.spec.resource_claims)
    return Verdict(
        summary=f"The DRA driver {driver} on {node} cannot prepare the devices of {replica.name}",
        evidence=(
            evidence.event(event),
            *((evidence.pod_field("spec.resourceClaims", claims),) if claims else ()),
        ),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                f"See to the DRA driver on {node}",
                f"kubectl get pods -A -o wide --field-selector spec.nodeName={node}  (the driver's kubelet plugin)",
                f"Until it answers: kubectl cordon {node}, and delete the pod so that it starts elsewhere.",
            ),
        ),
    )
