"""What can come of asking for a node, and how the answers of clouds become one outcome."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from vops.diagnosis.findings import Confidence
from vops.diagnosis.provisioning import karpenter
from vops.diagnosis.provisioning.cloud_text import Answer, CloudAnswer, cloud_answer, first_to_act_on
from vops.diagnosis.provisioning.cluster_autoscaler import NodeGroup
from vops.model.patterns import lazy_pattern
from vops.model.provisioning import NodeClaim
from vops.model.resources import Event

if TYPE_CHECKING:
    from vops.diagnosis.subjects import Replica

TYPICAL_S = 360
"""How long a GPU node takes from the request to being ready, as a rule."""

LONGEST = timedelta(minutes=15)
"""After this long the Cluster Autoscaler and Karpenter take a node for lost."""


_GPU_TAINT = lazy_pattern(r"did not tolerate (?:taint \(taint=)?[\w./-]{0,60}gpu", re.IGNORECASE)


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

    @property
    def of_gpu_taints(self) -> bool:
        """Whether a pool of GPU nodes is ruled out by its taint: nodes that are there do not matter then."""
        return self.outcome is Outcome.NO_MATCH and any(_GPU_TAINT.search(text) for text in self.reasons)


OF_ANSWER = {
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

NOTHING = Provisioning()


def has_own_obstacle(replica: Replica) -> bool:
    """Whether nodes with enough GPUs are there and take pods, and this one keeps itself away from all of them."""
    placement = replica.placement
    return not placement.allowed and any(not fit.unavailable for fit in placement.large_enough)


def answered(
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
        return NOTHING
    if answers[0].kind is Answer.LATE:
        confidence = Confidence.PROBABLE
    return Provisioning(
        OF_ANSWER[answers[0].kind], by, confidence, events, groups, answers=answers, since=since or first_time(events)
    )


def first_time(events: Iterable[Event]) -> datetime | None:
    """When the first of several events was first seen."""
    times = (item.first_timestamp or item.last_seen for item in events)
    return min((time for time in times if time is not None), default=None)
