"""What Karpenter's words mean for one pod: the latest event about it, else its NodeClaims and NodePools.

Karpenter on EC2, EKS Auto Mode and AKS node auto-provisioning alike; how the words are read is in
vops.diagnosis.provisioning.karpenter.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from vops.diagnosis.findings import Confidence
from vops.diagnosis.provisioning import karpenter
from vops.diagnosis.provisioning.autoscalers import ANSWERS_COUNT, Autoscalers
from vops.diagnosis.provisioning.cloud_text import Answer, cloud_answer, first_to_act_on
from vops.diagnosis.provisioning.karpenter import Said
from vops.diagnosis.provisioning.outcomes import (
    LONGEST,
    NOTHING,
    OF_ANSWER,
    TYPICAL_S,
    Outcome,
    Provisioning,
    answered,
    has_own_obstacle,
)
from vops.model.objects import UNNAMED_PREFIX
from vops.model.provisioning import NodeClaim
from vops.model.resources import Event

if TYPE_CHECKING:
    from vops.diagnosis.subjects import Replica

_AGAIN = 5
_SEVERAL = 2
"""So many NodeClaims that went away are no accident."""


def by_karpenter(replica: Replica, seen: Autoscalers) -> Provisioning:
    """By Karpenter's latest event about the pod."""
    told = (
        item for item in replica.events if item.reason in ("Nominated", karpenter.ICE) or _refused_by_karpenter(item)
    )
    own = list(told)
    if not own or seen.age(own[-1]) > ANSWERS_COUNT:
        return NOTHING
    last, by = own[-1], karpenter.product(seen.pools)
    nominated = [item for item in own if item.reason == "Nominated"]
    if last.reason == karpenter.ICE:
        return answered(by, Confidence.STRONG, (last,))
    if last.reason != "Nominated":
        return _unplaceable(last, seen, by)
    return _nominated(last, nominated, seen, by, settled=not replica.observed)


def _refused_by_karpenter(event: Event) -> bool:
    return event.reason == "FailedScheduling" and karpenter.is_karpenters(event)


def _nominated(last: Event, nominated: list[Event], seen: Autoscalers, by: str, *, settled: bool) -> Provisioning:
    """A pod that waits for a NodeClaim: how far that has got, or what the cloud said to it and to those before."""
    names = karpenter.claims_named(last.message)
    claims = tuple(seen.claims[name] for name in names if name in seen.claims)
    pools = {karpenter.pool_of(name) for item in nominated for name in karpenter.claims_named(item.message)}
    for claim in claims:
        found = _of_claim(claim, seen, by, last, settled=settled)
        if found.outcome is not Outcome.NOTHING_KNOWN:
            return found
    lacks = [item for item in seen.lacks if _of_one_of(pools, item)]
    launched = any(
        condition.type == "Launched" and condition.status == "True"
        for claim in claims
        for condition in claim.status.conditions
    )
    if lacks and not launched:
        return answered(by, Confidence.STRONG, (*lacks, last), since=nominated[0].first_timestamp)
    if not any(map(karpenter.launched, claims)) and _given_up(nominated, seen):
        return Provisioning(Outcome.STOCKOUT, by, Confidence.POSSIBLE, tuple(nominated[-2:]), since=_asked(nominated))
    if not names or (not claims and seen.claims_known) or seen.age(last) > LONGEST or _in_vain(last, nominated[0]):
        return NOTHING
    stage = karpenter.stage(claims[0]) if claims else ""
    since = claims[0].metadata.creation_timestamp if claims else last.last_seen
    return Provisioning(Outcome.WORKING, by, Confidence.STRONG, (last,), claims=claims, since=since, detail=stage)


def _of_one_of(pools: set[str], lack: Event) -> bool:
    """Whether a NodeClaim of these NodePools got no machine, or one that nobody named."""
    name = lack.involved_object.name
    return karpenter.pool_of(name) in pools or name.startswith(UNNAMED_PREFIX)


def _in_vain(last: Event, earliest: Event) -> bool:
    """Whether the pod was promised machines, one or several, for longer than one takes to come."""
    begun, first, seen = earliest.last_seen, last.first_timestamp or last.last_seen, last.last_seen
    again = begun is not None and first is not None and first - begun > LONGEST
    same = last.times >= _AGAIN and first is not None and seen is not None and seen - first > LONGEST
    return same or (again and last.message != earliest.message)


def _given_up(nominated: list[Event], seen: Autoscalers) -> bool:
    """Whether one NodeClaim after another was made for the pod and is gone, or must be by now."""
    recent = [item for item in nominated if seen.age(item) <= ANSWERS_COUNT]
    names = {name for item in recent for name in karpenter.claims_named(item.message)}
    gone = len(names - seen.claims.keys()) if seen.claims_known else len(names) - 1
    return gone >= _SEVERAL


def _asked(nominated: list[Event]) -> datetime | None:
    return nominated[0].first_timestamp or nominated[0].last_seen


def _of_claim(
    claim: NodeClaim, seen: Autoscalers, by: str, said: Event | None = None, *, settled: bool = False
) -> Provisioning:
    """What is wrong with a NodeClaim: not launched, or a node without its GPU. `settled`: nobody knows how late it is,
    and whoever shows a NodeClaim alone has waited for it."""
    events = (said,) if said is not None else ()
    since = claim.metadata.creation_timestamp
    if refusal := (
        karpenter.not_launched(claim) or karpenter.not_registered(claim) or karpenter.never_joined(claim, seen.at)
    ):
        answer = cloud_answer(refusal, Answer.REFUSED)
        if answer is not None:
            return Provisioning(
                OF_ANSWER[answer.kind], by, Confidence.STRONG, events, claims=(claim,), answers=(answer,), since=since
            )
    resource, joined = karpenter.unregistered(claim)
    if resource and joined is not None and (settled or seen.at - joined > timedelta(seconds=TYPICAL_S)):
        return Provisioning(
            Outcome.UNREGISTERED, by, Confidence.STRONG, events, claims=(claim,), since=joined, detail=resource
        )
    return NOTHING


def _unplaceable(event: Event, seen: Autoscalers, by: str) -> Provisioning:
    """A pod that fits no NodePool at present: the pools that would fit but for a limit or for stock tell the most.

    For some minutes after a lack of capacity Karpenter leaves out what it could not get, so that nothing seems to fit.
    """
    answers = karpenter.pool_answers(event.message)
    kinds = {item.said for item in answers}
    texts = tuple(item.text for item in answers)
    pools = {item.pool for item in answers}
    lacks = tuple(
        item for item in seen.lacks if not pools - {""} or karpenter.pool_of(item.involved_object.name) in pools
    )
    if lacks and kinds != {Said.LIMIT}:
        return answered(by, Confidence.STRONG, (*lacks, event))
    if Said.UNAVAILABLE in kinds:
        return Provisioning(Outcome.STOCKOUT, by, Confidence.PROBABLE, (event,), reasons=texts)
    if Said.LIMIT in kinds:
        limited = tuple(item.text for item in answers if item.said is Said.LIMIT)
        sure = Confidence.STRONG if kinds == {Said.LIMIT} else Confidence.PROBABLE
        names = ", ".join(dict.fromkeys(item.pool for item in answers if item.said is Said.LIMIT and item.pool))
        return Provisioning(Outcome.LIMIT, by, sure, (event,), reasons=limited, detail=names)
    return Provisioning(Outcome.NO_MATCH, by, Confidence.STRONG, (event,), reasons=texts)


def by_pools(replica: Replica, seen: Autoscalers) -> Provisioning:
    """Without a word about the pod: what became of nodes from pools that would serve it."""
    if has_own_obstacle(replica):
        return NOTHING
    if not seen.pools:
        unread = bool(seen.lacks) and not seen.pools_known
        return answered(karpenter.product(()), Confidence.PROBABLE, seen.lacks) if unread else NOTHING
    by = karpenter.product(seen.pools)
    pools = {pool.metadata.name for pool in seen.pools if karpenter.admits(pool, replica.pod)}
    for claim in seen.claims.values():
        if claim.metadata.labels.get(karpenter.POOL, karpenter.pool_of(claim.metadata.name)) in pools:
            found = _of_claim(claim, seen, by)
            if found.outcome is not Outcome.NOTHING_KNOWN:
                return msgspec.structs.replace(found, confidence=Confidence.PROBABLE)
    lacks = [item for item in seen.lacks if _of_one_of(pools, item)]
    if lacks:
        return answered(by, Confidence.PROBABLE, tuple(lacks))
    ailing = [karpenter.trouble(pool) for pool in seen.pools if pool.metadata.name in pools]
    return _refused_by_pools([text for text in ailing if text], by) if ailing and all(ailing) else NOTHING


def _refused_by_pools(texts: list[str], by: str) -> Provisioning:
    """What the conditions of NodePools say, when each that would serve the pod is in trouble."""
    known = [answer for text in texts if (answer := cloud_answer(text, Answer.REFUSED)) is not None]
    answers = first_to_act_on(known)
    return Provisioning(OF_ANSWER[answers[0].kind], by, Confidence.PROBABLE, answers=answers)
