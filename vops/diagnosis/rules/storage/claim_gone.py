"""The volume claim that a scheduled pod mounts is not there.

What it finds
    The kubelet's word that it finds no such PersistentVolumeClaim, for a pod that has a node already.

Why it matters
    The scheduler checks claims before it places a pod; a pod that was bound by hand, or whose claim was deleted since,
    hangs in ContainerCreating.

Evidence
    The kubelet's event, and the volume that names the claim.

Fix
    By hand: create the claim, or correct its name; vops never deletes one.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import stuck_at
from vops.diagnosis.states import ReplicaState
from vops.model.patterns import lazy_pattern

_CLAIM = lazy_pattern(
    r'persistentvolumeclaims? "(?P<gone>[\w.-]{1,253})" not found'
    r"|error processing PVC [\w.-]{1,63}/(?P<unbound>[\w.-]{1,253}): PVC is not bound"
)


@rule(cause="pvc-unbound", branch=Branch.START, order=13)
def claim_gone(replica: Replica) -> Verdict | None:
    event = stuck_at(replica, ("FailedMount",)) if replica.state is ReplicaState.CREATING else None
    match = _CLAIM.search(event.message) if event is not None else None
    if event is None or match is None:
        return None
    name = match["gone"] or match["unbound"]
    why = f"which is not in {replica.namespace}" if match["gone"] else "which is not bound to a volume any more"
    volumes = [
        evidence.pod_field(f"spec.volumes[{volume.name}].persistentVolumeClaim", name)
        for volume in replica.pod.spec.volumes
        if (volume.persistent_volume_claim or {}).get("claimName") == name
    ]
    return Verdict(
        summary=f"{replica.name} waits for the volume claim {name}, {why}",
        evidence=(evidence.event(event), *volumes),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                "Give the pod its volume",
                f"See what there is: kubectl -n {replica.namespace} get pvc",
                f"Create the claim {name}, or name an existing one in the workload.",
            ),
        ),
    )
