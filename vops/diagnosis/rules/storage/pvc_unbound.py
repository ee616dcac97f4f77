"""The pod waits for a volume claim that does not exist or is not bound.

What it finds
    The scheduler's word that a PersistentVolumeClaim is missing or unbound, which rules out every node at once.

Why it matters
    The scheduler then says nothing about nodes: other obstacles may follow. A claim with WaitForFirstConsumer is not
    the fault, it waits for the pod.

Evidence
    The scheduler's words, and the pod's claims.

Fix
    By hand: create the claim or give it a StorageClass; vops never deletes one.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule

_CLAIM = re.compile(
    r'persistentvolumeclaim "(?P<name>[\w.-]{1,253})" (?P<how>not found|bound to non-existent|is being deleted)'
)
_UNBOUND = "unbound immediate PersistentVolumeClaims"


@rule(cause="pvc-unbound", branch=Branch.SCHEDULE, order=2)
def pvc_unbound(replica: Replica) -> Verdict | None:
    said = replica.placement.scheduler
    text = said.blocked if said is not None else ""
    match = _CLAIM.search(text)
    if match is None and _UNBOUND not in text:
        return None
    claims = [
        (volume.name, str(volume.persistent_volume_claim.get("claimName", "")))
        for volume in replica.pod.spec.volumes
        if volume.persistent_volume_claim
    ]
    names = match["name"] if match is not None else ", ".join(claim for _, claim in claims)
    how = match["how"] if match is not None else "not bound to a volume"
    return Verdict(
        summary=f"{replica.name} waits for the volume claim {names}, which is {how.removeprefix('is ')}",
        evidence=(
            *evidence.scheduler(replica),
            *(evidence.pod_field(f"spec.volumes[{volume}].persistentVolumeClaim", claim) for volume, claim in claims),
        ),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                "Give the pod its volume",
                f"See it: kubectl -n {replica.namespace} describe pvc {names.split(',')[0]}",
                "Create the claim, or set a storageClassName that exists; with no default class it stays unbound.",
            ),
        ),
    )
