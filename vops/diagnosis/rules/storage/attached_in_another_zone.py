"""The disk of a volume is in another zone than the node that the pod was put on, which only its driver noticed.

What it finds
    A `FailedAttachVolume` event in which the cloud or its driver says that disk and machine are in different zones.

Why it matters
    A PersistentVolume without a node affinity, or one made by hand, tells the scheduler nothing of its zone. The pod is
    scheduled, hangs in ContainerCreating, and does so again on every node of the wrong zone.

Evidence
    The event, in which the cloud names both.

Fix
    By hand: the pod into the disk's zone, or a volume where its nodes are.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.attachments import of_another_zone, refused_attachment
from vops.model.text import one_line

_LONGEST = 160


@rule(cause="volume-zone-conflict", branch=Branch.START, order=14)
def attached_in_another_zone(replica: Replica) -> Verdict | None:
    event = refused_attachment(replica, of_another_zone)
    if event is None:
        return None
    return Verdict(
        summary=f"A disk of {replica.name} is in another zone than its node: {one_line(event.message, _LONGEST)}",
        evidence=(evidence.event(event),),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.advice(
                "Bring pod and volume into one zone",
                "Let the pod run in the disk's zone (nodeSelector topology.kubernetes.io/zone), or use a regional "
                "disk.",
                "Or make a new claim of a class with volumeBindingMode WaitForFirstConsumer and seed it again; do not "
                "delete the old claim before that.",
            ),
        ),
    )
