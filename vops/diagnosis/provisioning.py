"""Whether a node is coming for a pod that has none: who was asked, since when, and what was answered.

The autoscaler's latest words about the pod decide. What is known only of node groups or pools counts where the pod has
no obstacle of its own on nodes that are there. Silence says nothing: events get lost and expire.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from vops.diagnosis import cluster_autoscaler, karpenter
from vops.diagnosis.autoscalers import ANSWERS_COUNT, Autoscalers
from vops.diagnosis.cloud_text import Answer, CloudAnswer, cloud_answer, first_to_act_on, zones_in
from vops.diagnosis.cluster_autoscaler import NodeGroup
from vops.diagnosis.findings import Confidence
from vops.diagnosis.karpenter import Said
from vops.model.provisioning import NodeClaim
from vops.model.resources import Event, Node

if TYPE_CHECKING:
    from vops.diagnosis.subjects import Replica

TYPICAL_S = 360
"""How long a GPU node takes from the request to being ready, as a rule."""

LONGEST = timedelta(minutes=15)
"""After this long the Cluster Autoscaler and Karpenter take a node for lost."""

_SETTLED = timedelta(minutes=5)
_IGNORED_BELOW = -10
_PATIENCE = timedelta(minutes=2)


class Outcome(StrEnum):
    """What has come of asking for a node."""

    NOTHING_KNOWN = "nothing known"
    WORKING = "working"
    QUOTA = "quota"
    STOCKOUT = "stockout"
    REFUSED = "refused"
    UNREGISTERED = "unregistered"  # the node is there, and its GPU is not
    LIMIT = "limit"
    NO_MATCH = "no match"
    ABSENT = "absent"


class Provisioning(msgspec.Struct, frozen=True):
    """What came of it, who says so, and what was read: the autoscaler's events, groups, claims and the cloud's answers.

    `since` is when a node was first asked for, as far as known; `detail` is the outcome's own word: the stage of a node
    on its way, the resource that is missing, the reason why a pod is not served.
    """

    outcome: Outcome = Outcome.NOTHING_KNOWN
    by: str = ""
    confidence: Confidence = Confidence.PROBABLE
    events: tuple[Event, ...] = ()
    groups: tuple[NodeGroup, ...] = ()
    claims: tuple[NodeClaim, ...] = ()
    answers: tuple[CloudAnswer, ...] = ()
    reasons: tuple[str, ...] = ()
    since: datetime | None = None
    detail: str = ""


_OF_ANSWER = {
    Answer.QUOTA: Outcome.QUOTA,
    Answer.STOCKOUT: Outcome.STOCKOUT,
    Answer.REFUSED: Outcome.REFUSED,
    Answer.LATE: Outcome.REFUSED,
}
_UNKNOWN_WORDS = {
    karpenter.ICE: Answer.STOCKOUT,
    "FailedScaleUp": Answer.REFUSED,
    "ScaleUpFailed": Answer.REFUSED,
    "FailedToScaleUpGroup": Answer.REFUSED,
}
"""What an event says by its reason alone, where its words are not known."""

_NOTHING = Provisioning()


def provisioning(replica: Replica) -> Provisioning:
    """What the autoscalers of the cluster make of one pod without a node."""
    if replica.pod.spec.node_name or replica.pod.spec.scheduling_gates:
        return _NOTHING
    seen = replica.facts.autoscalers
    for read in (_karpenter, _cluster_autoscaler, _karpenters_pools, _groups, _nobody):
        found = read(replica, seen)
        if found.outcome is not Outcome.NOTHING_KNOWN:
            return found
    return _NOTHING


def has_own_obstacle(replica: Replica) -> bool:
    """Whether nodes with enough GPUs are there and take pods, and this one keeps itself away from all of them."""
    placement = replica.placement
    return not placement.allowed and any(not fit.unavailable for fit in placement.large_enough)


# --- Karpenter --------------------------------------------------------------------------------------------


def _karpenter(replica: Replica, seen: Autoscalers) -> Provisioning:
    """By Karpenter's latest event about the pod."""
    told = (
        item for item in replica.events if item.reason in ("Nominated", karpenter.ICE) or _refused_by_karpenter(item)
    )
    own = list(told)
    if not own or seen.age(own[-1]) > ANSWERS_COUNT:
        return _NOTHING
    last, by = own[-1], karpenter.product(seen.pools)
    nominated = [item for item in own if item.reason == "Nominated"]
    if last.reason == karpenter.ICE:
        return _answered(by, Confidence.STRONG, (last,))
    if last.reason != "Nominated":
        return _unplaceable(last, seen, by)
    return _nominated(last, nominated, seen, by)


def _refused_by_karpenter(event: Event) -> bool:
    return event.reason == "FailedScheduling" and karpenter.is_karpenters(event)


def _nominated(last: Event, nominated: list[Event], seen: Autoscalers, by: str) -> Provisioning:
    """A pod that waits for a NodeClaim: how far that has got, or what the cloud said to it and to those before."""
    names = karpenter.claims_named(last.message)
    claims = tuple(seen.claims[name] for name in names if name in seen.claims)
    pools = {karpenter.pool_of(name) for item in nominated for name in karpenter.claims_named(item.message)}
    for claim in claims:
        found = _of_claim(claim, seen, by, last)
        if found.outcome is not Outcome.NOTHING_KNOWN:
            return found
    lacks = [item for item in seen.lacks if karpenter.pool_of(item.involved_object.name) in pools]
    launched = any(
        condition.type == "Launched" and condition.status == "True"
        for claim in claims
        for condition in claim.status.conditions
    )
    if lacks and not launched:
        return _answered(by, Confidence.STRONG, (*lacks, last), since=nominated[0].first_timestamp)
    if not names or (not claims and seen.claims_known) or seen.age(last) > LONGEST:
        return _NOTHING
    stage = karpenter.stage(claims[0]) if claims else ""
    since = claims[0].metadata.creation_timestamp if claims else last.last_seen
    return Provisioning(Outcome.WORKING, by, Confidence.STRONG, (last,), claims=claims, since=since, detail=stage)


def _of_claim(claim: NodeClaim, seen: Autoscalers, by: str, said: Event | None = None) -> Provisioning:
    """What is wrong with a NodeClaim: not launched, or a node without its GPU."""
    events = (said,) if said is not None else ()
    since = claim.metadata.creation_timestamp
    if refusal := karpenter.not_launched(claim):
        answer = cloud_answer(refusal, Answer.REFUSED)
        if answer is not None:
            return Provisioning(
                _OF_ANSWER[answer.kind], by, Confidence.STRONG, events, claims=(claim,), answers=(answer,), since=since
            )
    resource, joined = karpenter.unregistered(claim)
    if resource and joined is not None and seen.at - joined > timedelta(seconds=TYPICAL_S):
        return Provisioning(
            Outcome.UNREGISTERED, by, Confidence.STRONG, events, claims=(claim,), since=joined, detail=resource
        )
    return _NOTHING


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
        return _answered(by, Confidence.STRONG, (*lacks, event))
    if Said.UNAVAILABLE in kinds:
        return Provisioning(Outcome.STOCKOUT, by, Confidence.PROBABLE, (event,), reasons=texts)
    if Said.LIMIT in kinds:
        limited = tuple(item.text for item in answers if item.said is Said.LIMIT)
        sure = Confidence.STRONG if kinds == {Said.LIMIT} else Confidence.PROBABLE
        names = ", ".join(dict.fromkeys(item.pool for item in answers if item.said is Said.LIMIT and item.pool))
        return Provisioning(Outcome.LIMIT, by, sure, (event,), reasons=limited, detail=names)
    return Provisioning(Outcome.NO_MATCH, by, Confidence.STRONG, (event,), reasons=texts)


def _karpenters_pools(replica: Replica, seen: Autoscalers) -> Provisioning:
    """Without a word about the pod: what became of nodes from pools that would serve it."""
    if not seen.pools or has_own_obstacle(replica):
        return _NOTHING
    by = karpenter.product(seen.pools)
    pools = {pool.metadata.name for pool in seen.pools if karpenter.admits(pool, replica.pod)}
    for claim in seen.claims.values():
        if claim.metadata.labels.get(karpenter.POOL, karpenter.pool_of(claim.metadata.name)) in pools:
            found = _of_claim(claim, seen, by)
            if found.outcome is not Outcome.NOTHING_KNOWN:
                return msgspec.structs.replace(found, confidence=Confidence.PROBABLE)
    lacks = [item for item in seen.lacks if karpenter.pool_of(item.involved_object.name) in pools]
    if lacks:
        return _answered(by, Confidence.PROBABLE, tuple(lacks))
    ailing = [karpenter.trouble(pool) for pool in seen.pools if pool.metadata.name in pools]
    return _refused_by_pools([text for text in ailing if text], by) if ailing and all(ailing) else _NOTHING


def _refused_by_pools(texts: list[str], by: str) -> Provisioning:
    """What the conditions of NodePools say, when each that would serve the pod is in trouble."""
    known = [answer for text in texts if (answer := cloud_answer(text, Answer.REFUSED)) is not None]
    answers = first_to_act_on(known)
    return Provisioning(_OF_ANSWER[answers[0].kind], by, Confidence.PROBABLE, answers=answers)


# --- Cluster Autoscaler -----------------------------------------------------------------------------------


def _cluster_autoscaler(replica: Replica, seen: Autoscalers) -> Provisioning:
    """By the Cluster Autoscaler's latest event about the pod."""
    told = ("TriggeredScaleUp", "NotTriggerScaleUp", "FailedScaleUp")
    own = [item for item in replica.events if item.reason in told and seen.age(item) <= timedelta(hours=1)]
    if not own:
        return _NOTHING
    last = own[-1]
    failed = [item for item in own if item.reason == "FailedScaleUp"]
    if last.reason == "TriggeredScaleUp":
        return _triggered(replica, seen, last, failed)
    reasons = cluster_autoscaler.reasons(last.message) if last.reason == "NotTriggerScaleUp" else ()
    if failed or cluster_autoscaler.BACKOFF in reasons:
        return _failed(replica, seen, (*failed[-2:], *(() if last in failed[-2:] else (last,))), reasons)
    if any(map(cluster_autoscaler.is_limit, reasons)) and _limit_matters(replica, reasons):
        return _limited(seen, last, reasons)
    if any(map(cluster_autoscaler.is_misfit, reasons)):
        return Provisioning(Outcome.NO_MATCH, _name(seen), Confidence.STRONG, (last,), seen.groups, reasons=reasons)
    return _NOTHING


def _triggered(replica: Replica, seen: Autoscalers, last: Event, failed: list[Event]) -> Provisioning:
    """A group was enlarged for the pod: a node is coming, unless the same was tried and failed, or it has come."""
    ups = cluster_autoscaler.scale_ups(last.message)
    names = {up.group for up in ups}
    groups = tuple(group for group in seen.groups if group.name in names)
    tried = {zone for item in failed if seen.age(item) <= ANSWERS_COUNT for zone in zones_in(item.message)}
    again = bool(tried) and set(zones_in(last.message)) <= tried
    if again or any(group.status == "Backoff" for group in groups):
        return _failed(replica, seen, (*failed[-2:], last), ())
    if seen.age(last) > LONGEST or _arrived(replica, last):
        return _NOTHING
    return Provisioning(
        Outcome.WORKING, _name(seen), Confidence.STRONG, (last,), groups, since=last.first_timestamp or last.last_seen
    )


def _arrived(replica: Replica, trigger: Event) -> bool:
    """Whether a node that was made after a trigger has been ready for a while, so that the wait has another reason."""
    asked = trigger.last_seen
    made_since = (
        node
        for node in replica.facts.snapshot.nodes
        if asked and node.metadata.creation_timestamp and node.metadata.creation_timestamp >= asked
    )
    settled = replica.facts.snapshot.at - _SETTLED
    return any(_ready_since(node, settled) for node in made_since)


def _ready_since(node: Node, then: datetime) -> bool:
    ready = next((item for item in node.status.conditions if item.type == "Ready" and item.status == "True"), None)
    since = ready.last_transition_time or node.metadata.creation_timestamp if ready else None
    return since is not None and since <= then


def _failed(replica: Replica, seen: Autoscalers, own: tuple[Event, ...], reasons: tuple[str, ...]) -> Provisioning:
    """A node was asked for and did not come: what the cloud said, by the events and by the groups that back off."""
    groups = _relevant(replica, [group for group in seen.groups if group.status == "Backoff"])
    events = (*(item for item in own if item.reason == "FailedScaleUp"), *_about(seen.group_failures, groups))
    found = _answered(_name(seen), Confidence.STRONG, events, groups)
    since = min((group.since for group in groups if group.since), default=None)
    if found.outcome is Outcome.NOTHING_KNOWN:
        found = Provisioning(Outcome.STOCKOUT, _name(seen), Confidence.POSSIBLE, groups=groups)
    said = (*events, *(item for item in own if item not in events))
    return msgspec.structs.replace(found, events=said, reasons=reasons, since=since or _first(own))


def _limit_matters(replica: Replica, reasons: tuple[str, ...]) -> bool:
    """Whether the groups at their limit are those that would serve the pod.

    A group that is full is skipped without asking whether the pod would fit. When no node offers the GPU, the full
    groups are others; when the pod keeps itself away from the nodes that do, more of them would not help.
    """
    if not any(map(cluster_autoscaler.is_misfit, reasons)):
        return True
    placement = replica.placement
    offered = any(placement.offered(fit.node, placement.gpu_resource) > 0 for fit in placement.fits)
    return (offered or not placement.fits) and not has_own_obstacle(replica)


def _limited(seen: Autoscalers, last: Event, reasons: tuple[str, ...]) -> Provisioning:
    full = tuple(group for group in seen.groups if group.at_most)
    limits = tuple(reason for reason in reasons if cluster_autoscaler.is_limit(reason))
    sure = Confidence.CERTAIN if full and len(limits) == len(reasons) else Confidence.STRONG
    return Provisioning(Outcome.LIMIT, _name(seen), sure, (last,), full, reasons=limits, since=_first((last,)))


def _groups(replica: Replica, seen: Autoscalers) -> Provisioning:
    """Without a word about the pod: whether its groups are being enlarged, or back off."""
    if has_own_obstacle(replica):
        return _NOTHING
    groups = _relevant(replica, seen.groups)
    coming = tuple(group for group in groups if group.status == "InProgress" and _younger(group.since, seen.at))
    if coming and len(coming) == len(groups):
        return Provisioning(Outcome.WORKING, _name(seen), Confidence.PROBABLE, groups=coming, since=coming[0].since)
    resting = tuple(group for group in groups if group.status == "Backoff")
    return _answered(_name(seen), Confidence.PROBABLE, _about(seen.group_failures, resting), resting)


def _relevant(replica: Replica, groups: Iterable[NodeGroup]) -> tuple[NodeGroup, ...]:
    """The groups that the pod's selector leaves, as far as their names tell: by node pool, and by zone."""
    several = tuple(groups)
    for key, value in replica.pod.spec.node_selector.items():
        names_it = tuple(group for group in several if value in group.name)
        if names_it and key.endswith(("/zone", "nodepool", "nodegroup", "agentpool")):
            several = names_it
    return several


def _about(events: Iterable[Event], groups: tuple[NodeGroup, ...]) -> tuple[Event, ...]:
    """The failures of these groups; all of them when no group is known."""
    names = {group.name for group in groups}
    return tuple(item for item in events if not names or cluster_autoscaler.group_named(item.message) in names)


def _name(seen: Autoscalers) -> str:
    return "GKE's autoscaler" if seen.cloud == "gce" else "the Cluster Autoscaler"


# --- nobody -----------------------------------------------------------------------------------------------


def _nobody(replica: Replica, seen: Autoscalers) -> Provisioning:
    """Nobody would bring a node: there is no GPU node and no autoscaler, or one that takes no notice of the pod."""
    pod, placement = replica.pod, replica.placement
    created = pod.metadata.creation_timestamp
    if created is None or seen.at - created < _PATIENCE:
        return _NOTHING
    if pod.spec.priority < _IGNORED_BELOW and seen.has_cluster_autoscaler:
        detail = f"its priority, {pod.spec.priority}, is below {_IGNORED_BELOW}"
        return Provisioning(Outcome.ABSENT, _name(seen), Confidence.STRONG, since=created, detail=detail)
    offered = any(placement.offered(fit.node, placement.gpu_resource) > 0 for fit in placement.fits)
    if placement.gpus and placement.fits and not offered and seen.cloud and seen.surely_none:
        return Provisioning(Outcome.ABSENT, "", Confidence.STRONG, since=created)
    return _NOTHING


# --- answers ----------------------------------------------------------------------------------------------


def _answered(
    by: str,
    confidence: Confidence,
    events: tuple[Event, ...],
    groups: tuple[NodeGroup, ...] = (),
    since: datetime | None = None,
) -> Provisioning:
    """What clouds said in events and to groups that back off; nothing known when they said nothing that is known."""
    texts = [(item.message, _UNKNOWN_WORDS.get(item.reason)) for item in events]
    texts += [(f"{group.code} {group.message} {group.name}", Answer.REFUSED) for group in groups if group.code]
    known = [answer for text, otherwise in texts if (answer := cloud_answer(text, otherwise)) is not None]
    answers = first_to_act_on(known)
    if not answers:
        return _NOTHING
    if answers[0].kind is Answer.LATE:
        confidence = Confidence.PROBABLE
    return Provisioning(
        _OF_ANSWER[answers[0].kind], by, confidence, events, groups, answers=answers, since=since or _first(events)
    )


def _first(events: Iterable[Event]) -> datetime | None:
    times = (item.first_timestamp or item.last_seen for item in events)
    return min((time for time in times if time is not None), default=None)


def _younger(since: datetime | None, now: datetime) -> bool:
    return since is not None and now - since <= LONGEST
