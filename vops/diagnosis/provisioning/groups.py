"""What the Cluster Autoscaler's words mean for one pod: the latest event about it, else the state of its groups.

Self-managed, GKE's and AKS's alike; how the words are read is in vops.diagnosis.provisioning.cluster_autoscaler.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from vops.diagnosis.findings import Confidence
from vops.diagnosis.provisioning import cluster_autoscaler
from vops.diagnosis.provisioning.autoscalers import ANSWERS_COUNT, Autoscalers
from vops.diagnosis.provisioning.cloud_text import Answer, CloudAnswer, zones_in
from vops.diagnosis.provisioning.cluster_autoscaler import NodeGroup
from vops.diagnosis.provisioning.outcomes import (
    LONGEST,
    NOTHING,
    Outcome,
    Provisioning,
    answered,
    first_time,
    has_own_obstacle,
)
from vops.model.resources import Event, Node

if TYPE_CHECKING:
    from vops.diagnosis.subjects import Replica

_SETTLED = timedelta(minutes=5)
_SEVERAL = 2


def by_events(replica: Replica, seen: Autoscalers) -> Provisioning:
    """By the Cluster Autoscaler's latest event about the pod."""
    told = ("TriggeredScaleUp", "NotTriggerScaleUp", "FailedScaleUp")
    own = [item for item in replica.events if item.reason in told and seen.age(item) <= timedelta(hours=1)]
    if not own:
        return NOTHING
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
        return Provisioning(Outcome.NO_MATCH, ca_name(seen), Confidence.STRONG, (last,), seen.groups, reasons=reasons)
    return NOTHING


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
        return NOTHING
    asked = last.first_timestamp or last.last_seen
    if last.times >= _SEVERAL and asked is not None and seen.at - asked > _SEVERAL * LONGEST:
        late = CloudAnswer(Answer.LATE, f"asked for {last.times} times, and no node has come")
        return Provisioning(
            Outcome.REFUSED, ca_name(seen), Confidence.PROBABLE, (last,), groups, answers=(late,), since=asked
        )
    return Provisioning(Outcome.WORKING, ca_name(seen), Confidence.STRONG, (last,), groups, since=asked)


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
    found = answered(ca_name(seen), Confidence.STRONG, _last_words(events), groups)
    times = (*(group.since for group in groups), first_time(own))
    since = min((time for time in times if time is not None), default=None)
    if found.outcome is Outcome.NOTHING_KNOWN:
        found = Provisioning(Outcome.STOCKOUT, ca_name(seen), Confidence.POSSIBLE, groups=groups)
    said = (*events, *(item for item in own if item not in events))
    return msgspec.structs.replace(found, events=said, reasons=reasons, since=since)


def _last_words(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Without what was said of the same zones, or of the same group, and is no longer true: a quota was raised."""
    return tuple(item for item in events if not any(_supersedes(later, item) for later in events))


def _supersedes(later: Event, event: Event) -> bool:
    if later.reason != event.reason or not event.last_seen or not later.last_seen or later.last_seen <= event.last_seen:
        return False
    zones, group = set(zones_in(event.message)), cluster_autoscaler.group_named(event.message)
    if group:
        return cluster_autoscaler.group_named(later.message) == group
    return bool(zones) and zones <= set(zones_in(later.message))


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
    return Provisioning(Outcome.LIMIT, ca_name(seen), sure, (last,), full, reasons=limits, since=first_time((last,)))


def by_groups(replica: Replica, seen: Autoscalers) -> Provisioning:
    """Without a word about the pod: whether its groups are being enlarged, or back off."""
    if has_own_obstacle(replica):
        return NOTHING
    groups = _relevant(replica, seen.groups)
    coming = tuple(group for group in groups if group.status == "InProgress" and _younger(group.since, seen.at))
    if coming and len(coming) == len(groups):
        return Provisioning(Outcome.WORKING, ca_name(seen), Confidence.PROBABLE, groups=coming, since=coming[0].since)
    resting = tuple(group for group in groups if group.status == "Backoff")
    found = answered(ca_name(seen), Confidence.PROBABLE, _about(seen.group_failures, resting), resting)
    if found.outcome is Outcome.NOTHING_KNOWN and resting and not replica.observed:  # a status of before 1.30, alone
        return Provisioning(Outcome.STOCKOUT, ca_name(seen), Confidence.POSSIBLE, groups=resting)
    return found


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


def ca_name(seen: Autoscalers) -> str:
    """What to call this Cluster Autoscaler."""
    return "GKE's autoscaler" if seen.cloud == "gce" else "the Cluster Autoscaler"


def _younger(since: datetime | None, now: datetime) -> bool:
    return since is not None and now - since <= LONGEST
