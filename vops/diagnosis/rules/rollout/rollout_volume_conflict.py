"""A rolling update starts the new pod while the old one still has the volume that only one of them can have.

What it finds
    The pod cannot attach its volume (or may not use its ReadWriteOncePod claim), which an older pod of the same
    Deployment holds; and maxUnavailable resolves to 0, so that pod stays until the new one is ready.

Why it matters
    A ReadWriteOnce claim and a surge do not go together: each waits for the other, for ever.

Evidence
    The attach error or the scheduler's words, the claim's access modes, the old pod with its node, and the strategy.

Fix
    `fix-volume-rollout`, else by hand: strategy Recreate, or maxSurge 0, so that the old pod stops first; or, better
    for good, a claim that many may read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.volumes import Trouble
from vops.diagnosis.placement.succession import may_stop_one, outage, predecessors, strategy_evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.storage.multi_attach import users_evidence
from vops.diagnosis.starting.attachments import held_elsewhere
from vops.model.patterns import lazy_pattern
from vops.model.pods import Pod
from vops.model.resources import Workload
from vops.model.snapshot import Source

_STRATEGY = "Set spec.strategy to type Recreate, or rollingUpdate to maxSurge: 0, maxUnavailable: 1."
_SHARED = (
    "Or put the model on a claim that many may read (ReadOnlyMany or ReadWriteMany): no volume is then in the way."
)
_IN_WORDS = lazy_pattern(
    r"\b(?:update|deployment|rollout) strateg\w+|\brolling ?updates?\b|\broll(?:out|s out|ing out)\b"
    r"|\bnew (?:pod|replica|one)\b.{0,40}\bbefore\b.{0,40}\bold\b|\bold (?:pod|replica|one)\b.{0,60}\bnew (?:pod"
    r"|one)\b",
    re.IGNORECASE,
)


@rule(cause="rollout-volume-conflict", branch=Branch.START, explains={"multi-attach"}, order=9)
def rollout_volume_conflict(replica: Replica) -> Verdict | None:
    held = held_elsewhere(replica)
    if held is None:
        return None
    found = (evidence.event(held.event), *users_evidence(held))
    return _verdict(replica, held.holders, held.volume or "the volume", found)


@rule(cause="rollout-volume-conflict", branch=Branch.START, explains={"multi-attach"}, order=10)
def rollout_volume_quoted(replica: Replica) -> Verdict | None:
    """Somebody who quotes the error in a sentence, and tells in it of the pod that comes before the old one goes."""
    held = held_elsewhere(replica) if not replica.observed else None
    if held is None or not _IN_WORDS.search(held.event.message):
        return None
    title = "Let the old pod go before the new one comes"
    return Verdict(
        summary=f"The rollout of {replica.name} cannot end: it waits for {held.volume or 'a volume'} that the pod "
        f"before "
        "it keeps until the new one is ready",
        evidence=(evidence.event(held.event),),
        confidence=Confidence.PROBABLE,
        fixes=(remedies.by_steps(replica, title, (_STRATEGY, _SHARED)),),
    )


@rule(
    cause="rollout-volume-conflict",
    branch=Branch.SCHEDULE,
    needs={Source.DEPLOYMENTS},
    explains={"multi-attach"},
    order=1,
)
def rollout_claim_conflict(replica: Replica) -> Verdict | None:
    block = next((item for item in replica.placement.claim_blocks if item.trouble is Trouble.IN_USE), None)
    if block is None or block.holder is None:
        return None
    modes = ", ".join(block.claim.spec.access_modes) if block.claim else ""
    found = (
        Evidence("persistentvolumeclaim", f"{block.name} spec.accessModes", modes),
        *evidence.scheduler(replica),
    )
    return _verdict(replica, (block.holder,), f"the claim {block.name}", found)


def _verdict(replica: Replica, holders: Iterable[Pod], what: str, found: tuple[Evidence, ...]) -> Verdict | None:
    deployment, old = replica.workload, predecessors(replica, holders)
    if deployment is None or deployment.kind != "Deployment" or not old or may_stop_one(deployment):
        return None
    name, keeps = deployment.metadata.name, blockers.named(pod.metadata.name for pod in old)
    return Verdict(
        summary=f"The rollout of {name} cannot end: {replica.name} waits for {what}, which its old pod {keeps} holds, "
        "and that pod may not stop before the new one is ready",
        evidence=(strategy_evidence(replica, deployment), *found),
        confidence=Confidence.CERTAIN,
        fixes=(_fix(replica, deployment),),
    )


def _fix(replica: Replica, deployment: Workload) -> Fix:
    title = f"Let an old pod of {deployment.metadata.name} stop first (maxSurge 0, maxUnavailable 1)"
    return remedies.runbook(
        replica,
        "fix-volume-rollout",
        f"{title}: {outage(deployment)}",
        Applicability.ASK,
        {},
        by_hand=(_STRATEGY, _SHARED),
        notes=(_SHARED,),
    )
