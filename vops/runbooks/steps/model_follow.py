"""`model.follow`: watches a seeding or verifying Job to its end, and shows how far it is and when it will be done.

The lines come from the log of the Job's newest pod. A failure is told in the seeder's own words, with what to do; a
Job that shows no progress for too long has stalled, and goes on by itself while the run is resumed later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from vops.errors import ClusterError, NotFound, Unavailable, Unreachable
from vops.model.pods import Pod
from vops.model.resources import JOBS, PODS
from vops.planning.patches import Document
from vops.runbooks.kinds import Group, Outcome, Ports, Stalled, StepFault
from vops.runbooks.seed_jobs import pods_of_job, state_of
from vops.runbooks.seeding import CONTAINER, JOB_LABEL, Told, failure, progress_line, read_lines

KIND = "model.follow"
GROUP = Group.WAIT
FOLLOWS = True
OUTPUTS = {"path": "string", "digest": "string", "bytes": "int", "seconds": "double"}
PAUSE_S = 2.0
TAIL_LINES = 120
SAY_EVERY_S = 10.0
HOPELESS_S = 120.0
_HOPELESS = frozenset({"CreateContainerConfigError", "InvalidImageName", "ErrImageNeverPull", "CreateContainerError"})


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    job: str
    """The Job's name."""
    namespace: str
    """Its namespace."""
    stall: float = 1800.0
    """Seconds without any progress after which the wait gives up; the Job itself goes on."""


async def run(args: Args, ports: Ports) -> Outcome:
    """What was seeded. Raises StepFault with the seeder's reason, Stalled, or TimedOut at the deadline."""
    watch = _Watch(args, ports)

    async def look() -> _Seen:
        return await _see(args, ports)

    while True:
        seen = await ports.patiently(look, pause_s=PAUSE_S)
        if seen is None:
            continue
        if seen.state == "complete":
            return _outcome(args, seen)
        if seen.state == "failed":
            raise _fault(args, seen)
        if line := watch.line(seen):
            ports.say(line)


class _Seen(msgspec.Struct, frozen=True):
    """One look: the Job's state and message, its newest pod, and what that told."""

    state: str
    message: str
    pod: Pod | None
    told: Told
    tries: int
    heard: bool


async def _see(args: Args, ports: Ports) -> _Seen:
    try:
        job = await ports.cluster.get(JOBS, args.job, args.namespace)
    except NotFound as error:
        raise StepFault(f"job/{args.job} is gone", hint="run the runbook again: it goes on at whole files") from error
    listed = await ports.cluster.list(PODS, args.namespace, label_selector=f"{JOB_LABEL}={args.job}")
    pods = pods_of_job(args.job, args.namespace, tuple(item for item in listed.items if isinstance(item, Pod)))
    told = await _told(args, ports, pods[-1]) if pods else None
    newest = pods[-1] if pods else None
    return _Seen(state_of(job), _message(job), newest, told or Told(), len(pods), told is not None)


async def _told(args: Args, ports: Ports, pod: Pod) -> Told | None:
    """What the pod has said; None while it has no log, or where that may not be read."""
    try:
        text = await ports.cluster.logs(args.namespace, pod.metadata.name, CONTAINER, tail_lines=TAIL_LINES)
    except (Unavailable, Unreachable):
        raise
    except ClusterError:
        return None
    return read_lines(text.splitlines())


def _message(job: Document) -> str:
    conditions = job.get("status", {}).get("conditions", ())
    return next((str(item.get("message", "")) for item in conditions if item["type"] == "Failed"), "")


def _outcome(args: Args, seen: _Seen) -> Outcome:
    done = seen.told.done
    if done is None:
        return Outcome(says=(f"job/{args.job} is complete; its log is gone",))
    outputs = {"path": done.path, "digest": done.digest, "bytes": done.bytes, "seconds": done.seconds}
    how = "were there already" if done.again else f"proven in {done.seconds:g} s"
    return Outcome(outputs, (f"{done.files} files at {done.path}, {how}; digest {done.digest[:12]}",))


def _fault(args: Args, seen: _Seen) -> StepFault:
    failed = seen.told.failed
    if failed is None:
        return StepFault(
            f"job/{args.job} has failed: {seen.message}", reason="Failed", hint=f"kubectl logs job/{args.job}"
        )
    sentence, hint = failure(failed.code, failed.say)
    return StepFault(f"job/{args.job}: {sentence}", reason="Failed", hint=hint)


class _Watch:
    """What was seen when it last moved, and how long a pod has waited for what will not come."""

    def __init__(self, args: Args, ports: Ports) -> None:
        self._args, self._ports = args, ports
        self._last: Any = None
        self._moved_at = ports.clock.monotonic()
        self._stuck_since: datetime | None = None
        self._said: tuple[str, float] = ("", 0.0)

    def line(self, seen: _Seen) -> str:
        """What to show; empty when the numbers alone have moved since a moment ago.

        Raises Stalled, and StepFault for a pod that will never start.
        """
        self._check_moving(seen)
        waiting = _waiting(seen.pod)
        self._check_hopeless(seen, *waiting)
        tries = f"try {seen.tries}: " if seen.tries > 1 else ""
        stage, now = f"{tries}{waiting[1] or seen.told.doing}", self._ports.clock.monotonic()
        if stage == self._said[0] and now - self._said[1] < SAY_EVERY_S:
            return ""
        self._said = (stage, now)
        return f"{tries}{waiting[1] or progress_line(seen.told)}"

    def _check_moving(self, seen: _Seen) -> None:
        now, what = self._ports.clock.monotonic(), (seen.tries, seen.told.bytes, seen.told.files, seen.told.doing)
        if what != self._last or _is_deaf(seen):
            self._last, self._moved_at = what, now
        elif now - self._moved_at >= self._args.stall:
            raise Stalled(f"job/{self._args.job} has not moved for {self._args.stall:g} s", hint="it goes on by itself")

    def _check_hopeless(self, seen: _Seen, reason: str, message: str) -> None:
        if reason not in _HOPELESS:
            self._stuck_since = None
            return
        now = self._ports.clock.now()
        self._stuck_since = self._stuck_since or now
        if (now - self._stuck_since).total_seconds() >= HOPELESS_S and seen.pod:
            raise StepFault(f"pod/{seen.pod.metadata.name}: {message}", reason=reason)


def _is_deaf(seen: _Seen) -> bool:
    """Whether a pod works whose log may not be read, so that nothing can be said about its progress."""
    return not seen.heard and seen.pod is not None and seen.pod.status.phase == "Running"


def _waiting(pod: Pod | None) -> tuple[str, str]:
    """Why a pod does not run yet, as a reason and a line; both empty when it does."""
    if pod is None:
        return "", "its pod is to be made"
    scheduled = pod.condition("PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        return scheduled.reason, f"waits for a node: {scheduled.message}"
    for status in pod.status.container_statuses:
        if status.state.waiting:
            waiting = status.state.waiting
            return waiting.reason, f"its container waits: {waiting.message or waiting.reason}"
    return "", ""
