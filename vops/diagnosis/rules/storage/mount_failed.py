"""A volume cannot be mounted into the pod.

What it finds
    `FailedMount` or `FailedAttachVolume` events on a pod whose container is still being created.

Why it matters
    The pod hangs in ContainerCreating, without a log.

Evidence
    The kubelet's events.

Fix
    By hand: what the event names; a volume that another node still holds comes free when its pod is gone.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.states import ReplicaState

_REASONS = ("FailedMount", "FailedAttachVolume")
_NOT_HERE = ("not found", "Multi-Attach")


@rule(cause="mount-failed", branch=Branch.START, order=15)
def mount_failed(replica: Replica) -> Verdict | None:
    failed = [item for item in replica.events if item.reason in _REASONS]
    if replica.state is not ReplicaState.CREATING or not failed:
        return None
    last = failed[-1]
    if any(text in last.message for text in _NOT_HERE):
        return None
    return Verdict(
        summary=f"A volume of {replica.name} cannot be mounted: {last.message[:160]}",
        evidence=(evidence.event(last),),
        confidence=Confidence.STRONG,
        fixes=(remedies.advice("See to the volume", "The event names the volume and the reason."),),
    )
