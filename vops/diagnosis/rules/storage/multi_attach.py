"""A volume that one node (or one pod) at a time may use is still held by another.

What it finds
    The `Multi-Attach` error, or the cloud's own refusal to attach a disk that is attached elsewhere, on a pod that is
    still being created; and, before that, a ReadWriteOncePod claim that another pod has. Who holds it is told from the
    claims' users.

Why it matters
    The pod waits until the other lets go: for ever where that one is another workload's.

Evidence
    The event, the claim with its access mode, and the pods that use it with their nodes.

Fix
    By hand: let the holder go first, or use a volume that several nodes may read.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.volumes import Trouble
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.attachments import Held, held_elsewhere

_ONE_POD = "ReadWriteOncePod"
_IN_USE = (_ONE_POD, "no available disk")
_STEPS = (
    "Scale down or delete the pod that has it, if it is yours to stop; the volume is detached once it is gone.",
    "Or use a volume that many may read (ReadWriteMany or ReadOnlyMany), or a claim for each replica.",
    "Where both are pods of one Deployment: strategy Recreate, or maxSurge 0 with maxUnavailable 1.",
)


@rule(cause="multi-attach", branch=Branch.START, order=14)
def multi_attach(replica: Replica) -> Verdict | None:
    held = held_elsewhere(replica)
    if held is None:
        return None
    return Verdict(
        summary=f"{_volume(held)} of {replica.name} is still attached to another node{_by(replica, held)}",
        evidence=(evidence.event(held.event), *users_evidence(held)),
        confidence=Confidence.CERTAIN if held.holders else Confidence.STRONG,
        fixes=(remedies.by_steps(replica, "Let the other pod go first, or share the volume", _STEPS),),
    )


@rule(cause="multi-attach", branch=Branch.SCHEDULE, order=3)
def claim_in_use(replica: Replica) -> Verdict | None:
    placement = replica.placement
    block = next((item for item in placement.claim_blocks if item.trouble is Trouble.IN_USE), None)
    said = placement.scheduler
    spoken = said is not None and any(words in item.text for item in said.reasons for words in _IN_USE)
    silent = said is not None and not spoken and said.says(Obstacle.RESOURCE)
    if (block is None and not spoken) or silent:
        return None
    name = block.name if block is not None else "of the pod"
    holder = f", which {blockers.pod_in_words(block.holder)} has" if block is not None and block.holder else ""
    whole_disk = said is not None and any(_IN_USE[1] in item.text for item in said.reasons)
    how = "" if whole_disk else f" ({_ONE_POD})"
    return Verdict(
        summary=f"{replica.name} waits for the claim {name}{holder}: only one pod at a time may use it{how}",
        evidence=(
            *((Evidence("persistentvolumeclaim", f"{name} spec.accessModes", _ONE_POD),) if block is not None else ()),
            *evidence.scheduler(replica),
        ),
        confidence=Confidence.CERTAIN if spoken else Confidence.STRONG,
        fixes=(remedies.by_steps(replica, "Let the other pod go first, or share the volume", _STEPS),),
    )


def users_evidence(held: Held) -> tuple[Evidence, ...]:
    """The claim's access modes and who uses it where."""
    found = []
    if held.claim is not None:
        modes = ", ".join(held.claim.spec.access_modes)
        found.append(Evidence("persistentvolumeclaim", f"{held.claim.metadata.name} spec.accessModes", modes))
    users = (Evidence("pod", f"{pod.metadata.name} spec.nodeName", pod.spec.node_name) for pod in held.holders)
    return (*found, *users)


def _volume(held: Held) -> str:
    return f"The volume {held.volume}" if held.volume else "A volume"


def _by(replica: Replica, held: Held) -> str:
    names = [f"{blockers.pod_in_words(pod)} on {pod.spec.node_name}" for pod in held.holders] or list(held.named)
    return f", where {blockers.named(names)} uses it" if names else ""
