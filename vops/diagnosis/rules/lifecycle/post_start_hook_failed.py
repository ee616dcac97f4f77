"""The container's postStart hook fails, and the kubelet kills the container for it.

What it finds
    A container that waits with PostStartHookError, or the `FailedPostStartHook` event about the instance that died.

Why it matters
    The server itself may be healthy: it is ended while it loads, with nothing in its log. The hook runs beside the
    server's start, so a hook that asks the server (curl localhost:8000) asks before it listens.

Evidence
    The container's status or the event, and the hook.

Fix
    By hand: let the hook succeed, or do its work in a sidecar or an init container.
"""

from __future__ import annotations

from datetime import timedelta

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import is_about
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event

_REASON = "PostStartHookError"
_EVENT = "FailedPostStartHook"
_NAMED = lazy_pattern(
    r"for Container \"(?P<container>[^\"]{1,63})\" in Pod \"(?P<pod>[^\"_]{1,253})_(?P<namespace>[a-z0-9-]{1,63})\("
)
_SLACK = timedelta(seconds=60)
_TOLD_AGAIN = timedelta(minutes=15)
"""The kubelet tells of 25 events of a pod and then of one each five minutes, whatever they are about."""
_AT_ONCE = timedelta(seconds=10)
_KILLED = (137, 143)


@rule(cause="post-start-hook-failed", branch=Branch.START, order=40)
def post_start_hook_failed(replica: Replica) -> Verdict | None:
    waiting = replica.status.state.waiting if replica.status else None
    if waiting is None or waiting.reason != _REASON:
        return None
    return _verdict(replica, evidence.status_field(replica, "state.waiting", f"{waiting.reason}: {waiting.message}"))


@rule(cause="post-start-hook-failed", branch=Branch.DIED, explains={"startup-probe-kill"}, order=1)
def post_start_hook_kills(replica: Replica) -> Verdict | None:
    told = (item for item in reversed(replica.events) if item.reason == _EVENT and is_about(replica, item))
    event = next(told, None)
    if event is None:
        return None
    if _of_the_last(replica, event):
        return _verdict(replica, evidence.event(event))
    return _verdict(replica, evidence.event(event), Confidence.STRONG) if _again(replica, event) else None


def _of_the_last(replica: Replica, event: Event) -> bool:
    death = replica.last_death
    if death is None or death.finished_at is None or event.last_seen is None:
        return death is not None
    grace = replica.pod.spec.grace + _SLACK
    return abs(death.finished_at - event.last_seen) <= grace


def _again(replica: Replica, event: Event) -> bool:
    """Whether the last instance was ended as soon as it ran, like those that the kubelet still told of."""
    death = replica.last_death
    if death is None or death.started_at is None or death.finished_at is None or event.last_seen is None:
        return False
    at_once = death.finished_at - death.started_at <= _AT_ONCE
    lately = death.finished_at - event.last_seen <= _TOLD_AGAIN
    return (event.count or 1) > 1 and at_once and lately and death.exit_code in _KILLED and death.reason != "OOMKilled"


def _verdict(replica: Replica, shown: Evidence, confidence: Confidence = Confidence.CERTAIN) -> Verdict:
    hook = replica.container.lifecycle.get("postStart") or {}
    action = hook.get("exec", {}).get("command") or hook.get("httpGet") or ""
    pod, container, look = _meant(replica)
    seen = (evidence.container_field(replica, "lifecycle.postStart", action),) if action else ()
    return Verdict(
        summary=f"The postStart hook of {pod} fails, and the kubelet ends the container for it",
        evidence=(shown, *seen),
        confidence=confidence,
        fixes=(
            remedies.by_steps(
                replica,
                "Let the hook succeed, or do without it",
                (
                    *look,
                    "It runs while the server still loads: a hook that asks the server must wait for it.",
                    f"Correct lifecycle.postStart of {container}, or move its work to a sidecar.",
                ),
            ),
        ),
    )


def _meant(replica: Replica) -> tuple[str, str, tuple[str, ...]]:
    """The pod and the container with the hook, and where to look: as the kubelet names them, where only it was read."""
    named = (_NAMED.search(item.message) for item in replica.events if item.reason == _EVENT)
    found = next((item for item in named if item), None)
    if replica.observed or found is None:
        return replica.name, replica.container.name, ()
    return found["pod"], found["container"], (f"See it: kubectl -n {found['namespace']} describe pod {found['pod']}",)
