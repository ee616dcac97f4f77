"""A volume that one node at a time may use is still held by another node.

What it finds
    The `Multi-Attach` error on a pod whose container is still being created.

Why it matters
    A ReadWriteOnce claim and a rolling update do not go together: the old pod keeps the volume until the new one is
    ready.

Evidence
    The kubelet's event, which names the holder where it can.

Fix
    By hand: strategy Recreate, or a volume that several nodes may read.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.creation import stuck_at
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.states import ReplicaState


@rule(cause="multi-attach", branch=Branch.START, order=14)
def multi_attach(replica: Replica) -> Verdict | None:
    held = stuck_at(replica, ("FailedAttachVolume",)) if replica.state is ReplicaState.CREATING else None
    if held is None or "Multi-Attach" not in held.message:
        return None
    return Verdict(
        summary=f"A volume of {replica.name} is still attached to another node",
        evidence=(evidence.event(held),),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.by_steps(
                replica,
                "Let the old pod go first, or share the volume",
                ("Set strategy Recreate (or maxSurge 0, maxUnavailable 1), or use a volume that many may read.",),
            ),
        ),
    )
