"""The pod waits for a volume claim that does not exist, is not bound, or has lost its volume.

What it finds
    Of each claim of the pod: not there; no volume bound, and why (no such StorageClass, no default class, provisioning
    failed, a provisioner that does not answer, no volume that fits); its volume gone; the claim being deleted. Found in
    the objects and the claim's events, or in the scheduler's words where claims cannot be read.

Why it matters
    It rules out every node at once, so the scheduler says nothing about nodes: other obstacles may follow. A claim with
    WaitForFirstConsumer is not the fault, it waits for the pod.

Evidence
    The claim's phase, class and events, and the scheduler's words.

Fix
    By hand: create the claim or give it a StorageClass that exists; vops never deletes one.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.placement.filters.volumes import Trouble, volume_of
from vops.diagnosis.placement.settling import being_made
from vops.diagnosis.placement.unbound import Unbound, unbound
from vops.diagnosis.rule import Branch, Verdict, rule

_EVENTS_SHOWN = 2


@rule(cause="pvc-unbound", branch=Branch.SCHEDULE, order=2)
def pvc_unbound(replica: Replica) -> Verdict | None:
    troubled = unbound(replica)
    if not troubled or being_made(replica):
        return None
    first = troubled[0]
    return Verdict(
        summary=f"{replica.name} waits for {_named(first)}, which {first.why}",
        evidence=(
            *(item for each in troubled for item in _evidence(replica, each)),
            *evidence.scheduler(replica),
        ),
        confidence=_confidence(replica, first),
        fixes=(
            remedies.advice(
                "Give the pod its volume claim",
                *(step for each in troubled for step in each.steps),
                f"See it: kubectl -n {replica.namespace} describe pvc {first.name}".rstrip(),
            ),
        ),
    )


def _named(item: Unbound) -> str:
    return f"the volume claim {item.name}" if item.name else "its volume claim"


def _evidence(replica: Replica, item: Unbound) -> list[Evidence]:
    volume = volume_of(replica.pod, item.name)
    found = [evidence.pod_field(f"spec.volumes[{volume}].persistentVolumeClaim", item.name)] if volume else []
    if item.claim is not None:
        asked = item.claim.spec.storage_class_name
        observed = f"{item.claim.status.phase or 'Pending'}, class {asked or ('none' if asked == '' else 'not set')}"
        found.append(Evidence("persistentvolumeclaim", f"{item.name} status.phase", observed, expected="Bound"))
    elif item.trouble is Trouble.MISSING:
        found.append(Evidence("persistentvolumeclaim", item.name, "not there"))
    found += [evidence.event(event) for event in item.events[-_EVENTS_SHOWN:]]
    return found


def _confidence(replica: Replica, item: Unbound) -> Confidence:
    """Certain where the scheduler says that a claim is in the way, strong where only the objects do."""
    said = replica.placement.scheduler
    if said is not None and said.blocked:
        return Confidence.CERTAIN
    return Confidence.STRONG if item.claim is not None else Confidence.PROBABLE
