"""What the scheduler says about a pod that it cannot place, in every dialect from Kubernetes 1.28 to 1.36.

The text is no contract (1.35 dropped the taints from it), and it names for each node only the first obstacle. It
corroborates what vops computes from the objects (vops.diagnosis.placement); it never replaces that where nodes can be
read.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from vops.model.resources import Taint


class Obstacle(StrEnum):
    """Why a node does not take a pod."""

    UNAVAILABLE = "unavailable"
    TAINT = "taint"
    SELECTOR = "selector"
    RESOURCE = "resource"
    PODS = "pods"
    POD_AFFINITY = "pod affinity"
    SPREAD = "topology spread"
    PORTS = "host ports"
    VOLUME = "volume"
    CLAIM = "resource claim"
    OTHER = "other"


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One obstacle as the scheduler counts it: on how many nodes, and the resource or taint where the text has it."""

    obstacle: Obstacle
    nodes: int
    text: str
    resource: str = ""
    taint: Taint | None = None


class SchedulerText(msgspec.Struct, frozen=True):
    """A message taken apart; `blocked` is what rules out every node at once, such as a claim that is not there."""

    text: str
    nodes: int | None = None
    reasons: tuple[Reason, ...] = ()
    blocked: str = ""
    gates: str = ""

    def says(self, obstacle: Obstacle, resource: str = "") -> bool:
        """Whether an obstacle (of one resource) is among the reasons."""
        return any(reason.obstacle is obstacle and resource in ("", reason.resource) for reason in self.reasons)


_HEAD = re.compile(r"(\d{1,7})/(\d{1,7}) nodes are available: ?")
_TAIL = re.compile(
    r"[.,]? ?(?:no new claims to deallocate|still not schedulable|deallocation of ResourceClaim completed)?"
    r",? ?preemption: "
)
_REASON = re.compile(
    r"(?P<nodes>\d{1,7}) (?P<text>"
    r"Insufficient (?P<resource>[\w./-]*\w)"
    r"|Too many pods"
    r"|node\(s\) had untolerated taint\(s\)"
    r"|node\(s\) had untolerated taint \{(?P<new>[^{}]{0,500})\}"
    r"|node\(s\) had taint \{(?P<old>[^{}]{0,500})\}, that the pod didn't tolerate"
    r"|[a-z(][^,]{2,300}?)(?=, \d|\.? ?$|\. )"
)
_OBSTACLES = (
    ("were unschedulable", Obstacle.UNAVAILABLE),
    ("had unknown conditions", Obstacle.UNAVAILABLE),
    ("were not ready", Obstacle.UNAVAILABLE),
    ("taint", Obstacle.TAINT),
    ("node affinity/selector", Obstacle.SELECTOR),
    ("node selector", Obstacle.SELECTOR),
    ("scheduler-enforced node affinity", Obstacle.SELECTOR),
    ("Insufficient", Obstacle.RESOURCE),
    ("Too many pods", Obstacle.PODS),
    ("affinity rules", Obstacle.POD_AFFINITY),
    ("topology spread constraints", Obstacle.SPREAD),
    ("free ports", Obstacle.PORTS),
    ("volume", Obstacle.VOLUME),
    ("PersistentVolume", Obstacle.VOLUME),
    ("claim", Obstacle.CLAIM),
)
_UNAVAILABLE_TAINTS = ("node.kubernetes.io/",)


def scheduler_text(message: str) -> SchedulerText:
    """A PodScheduled message or a FailedScheduling event taken apart; never raises."""
    text = " ".join(message[:8_000].split())
    gates = text.partition("waiting for scheduling gates: ")[2]
    head = _HEAD.match(text)
    if head is None:
        nodes = 0 if text.startswith("no nodes available") else None
        return SchedulerText(text, nodes, gates=gates)
    body = _TAIL.split(text[head.end() :], maxsplit=1)[0]
    reasons = tuple(_reason(match) for match in _REASON.finditer(body))
    return SchedulerText(text, int(head[2]), reasons, blocked="" if reasons else body.strip(" ."))


def _reason(match: re.Match[str]) -> Reason:
    text = match["text"]
    taint = _taint(match["new"] or match["old"] or "")
    obstacle = next((obstacle for part, obstacle in _OBSTACLES if part in text), Obstacle.OTHER)
    if taint is not None and taint.key.startswith(_UNAVAILABLE_TAINTS):
        obstacle = Obstacle.UNAVAILABLE
    return Reason(obstacle, int(match["nodes"]), text, match["resource"] or "", taint)


def _taint(text: str) -> Taint | None:
    key, _, value = text.partition(":")
    return Taint(key.strip(), value.strip()) if key.strip() else None
