"""Carries out a plan, step by step: the one engine behind the command line, the TUI and CI.

Every change is checked again, tried and written by vops.runbooks.apply; waits look until they have an answer; a step
that fails stops the run, or goes on, or undoes everything in reverse order, as its runbook says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from vops.errors import (
    ApprovalNeeded,
    ClusterError,
    NotVerified,
    PlanStale,
    StepFailed,
    Unavailable,
    Unreachable,
    VopsError,
)
from vops.model.resources import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.planning.changes import Change
from vops.planning.events import Approve, Progress, Question, RunEvent, StepRecord, StepState
from vops.planning.plan import Decision, Gate, OnFail, Plan, PlannedStep
from vops.ports import Clock, Cluster
from vops.runbooks.apply import Unsettled, carry_out, has_landed, take_back
from vops.runbooks.kinds import Group, Ports, Result, StepFault, StepKind, Verdict, discover

HEARTBEAT_S = 30.0
_NOT_FIXED = {
    Result.CHANGED: "the cause is gone, and now another stands in the way",
    Result.UNCHANGED: "the change is applied and the cause is still there",
}


@dataclass(frozen=True)
class Host:
    """What a run stands on. `cluster` journals its writes; `still_mine` raises LockHeld once the lock is lost;
    `keep` stores what was seen of a target when a step failed."""

    cluster: Cluster
    clock: Clock
    observe: Callable[[Ref], Awaitable[ClusterSnapshot]]
    approve: Approve
    progress: Progress
    still_mine: Callable[[], None]
    keep: Callable[[str, ClusterSnapshot], None]
    timeout_s: float | None = None


@dataclass
class Outcome:
    """How a run went: every step, the verification if there was one, and why it ended early if it did."""

    steps: list[StepRecord] = field(default_factory=list)
    verdict: Verdict | None = None
    error: VopsError | None = None


async def execute(plan: Plan, host: Host, done: Mapping[str, StepRecord] | None = None) -> Outcome:
    """Carries out `plan`. Failures are in the outcome; only cancellation and bugs raise.

    With `done`, the steps that an interrupted run had finished, it goes on from there: what has landed of the others
    is looked up, nothing is written twice, and every wait and verification looks again.
    """
    run = _Run(plan, host, done)
    for step in plan.steps:
        if not await run.take(step):
            break
    return run.outcome


class _Run:
    """One run: what has been applied so far, so that it can be taken back."""

    def __init__(self, plan: Plan, host: Host, done: Mapping[str, StepRecord] | None) -> None:
        self._plan = plan
        self._host = host
        self._done = done
        self._applied: list[tuple[PlannedStep, Change]] = []
        self._deadline = None if host.timeout_s is None else host.clock.monotonic() + host.timeout_s
        self.outcome = Outcome()

    async def take(self, step: PlannedStep) -> bool:
        """One step; False when the run ends with it."""
        if step.decision is not Decision.DO:
            state = StepState.DONE if step.decision in (Decision.SEEN, Decision.DONE) else StepState.SKIPPED
            self._end(step, state, step.because or " ".join(step.says))
            return True
        if self._done and step.id in self._done and discover()[step.kind].group is not Group.WAIT:
            self._applied += [(step, change) for change in step.changes]
            self.outcome.steps.append(self._done[step.id])
            return True
        started = self._host.clock.now()
        self.tell(step, StepState.RUNNING, step.title)
        try:
            message = await self._do(step)
        except VopsError as error:
            self._end(step, StepState.FAILED, str(error), started)
            return await self._failed(step, error)
        self._end(step, StepState.DONE, message, started)
        return self._goes_on()

    async def _do(self, step: PlannedStep) -> str:
        kind = discover()[step.kind]
        if step.gate is not Gate.NONE:
            await self._ask(step)
        if kind.group is Group.CHANGE:
            return await self._change(step)
        if kind.group is Group.WAIT:
            return await self._wait(step, kind)
        return ""

    async def _ask(self, step: PlannedStep) -> None:
        question = Question(step.gate, step.title, "\n".join(step.says), self._target, step.id)
        if not await self._host.approve(question):
            raise ApprovalNeeded(f"{step.title}: a person has to decide", hint="\n".join(step.says))

    async def _change(self, step: PlannedStep) -> str:
        said = [change.summary for change in step.changes]
        for change in step.changes:
            self._host.still_mine()
            if self._done is not None and await has_landed(self._host.cluster, change):
                self._applied.append((step, change))
                said.append("it was there already")
                continue
            try:
                said += await self._persistently(step, change)
            except Unsettled:
                self._applied.append((step, change))
                raise
            self._applied.append((step, change))
        return "; ".join(dict.fromkeys(said))

    async def _persistently(self, step: PlannedStep, change: Change) -> tuple[str, ...]:
        """The change, tried again as often as the step allows while the API server is unavailable."""
        left = step.retries
        while True:
            try:
                return await carry_out(self._host.cluster, change)
            except (Unavailable, Unreachable) as error:
                if not left:
                    raise
                self.tell(step, StepState.RUNNING, f"{error}; trying again in {step.retry_delay_s:g} s")
            left -= 1
            await self._host.clock.sleep(step.retry_delay_s)

    async def _wait(self, step: PlannedStep, kind: StepKind) -> str:
        host, now = self._host, self._host.clock.monotonic()
        deadline = now + (step.timeout_s or 0)
        deadline = deadline if self._deadline is None else min(deadline, self._deadline)
        ports = Ports(host.cluster, host.clock, host.observe, _Heartbeat(self, step, host.clock).say, deadline)
        outcome = await kind.run(msgspec.convert(step.args, kind.args), ports)
        self.outcome.verdict = outcome.verdict or self.outcome.verdict
        return " ".join(outcome.says)

    async def _failed(self, step: PlannedStep, error: VopsError) -> bool:
        """What a failure leads to; True when the run goes on."""
        if step.evidence:
            await self._keep_evidence(step)
        if step.on_fail is OnFail.CONTINUE:
            return True
        if step.on_fail is OnFail.UNDO and self._applied:
            left = await self._undo()
            self.outcome.error = _step_failed(step, error, dirty=bool(left), left=left)
        elif isinstance(error, StepFault) or (self._applied and isinstance(error, (PlanStale, ClusterError))):
            self.outcome.error = _step_failed(step, error, dirty=bool(self._applied))
        else:
            self.outcome.error = error
        return False

    async def _keep_evidence(self, step: PlannedStep) -> None:
        for ref in self._plan.locks:
            try:
                self._host.keep(step.id, await self._host.observe(ref))
            except VopsError as error:
                self.tell(step, StepState.FAILED, f"what it looked like could not be kept: {error}")

    async def _undo(self) -> tuple[str, ...]:
        """Takes back every change, the last first; the answer is what could not be."""
        left = []
        for step, change in reversed(self._applied):
            if not step.undo:
                left.append(f"{change.target}: the runbook keeps this change")
                continue
            problem = await take_back(self._host.cluster, change)
            state = StepState.UNKNOWN if problem else StepState.UNDONE
            self._end(step, state, problem or f"taken back: {change.summary}")
            left += [problem] if problem else []
        return tuple(left)

    def _goes_on(self) -> bool:
        """False after a verification that says no."""
        verdict = self.outcome.verdict
        if verdict is None or verdict.result is Result.FIXED:
            return True
        what = _NOT_FIXED[verdict.result]
        hint = f"vops diagnose {typed(self._target)}" if self._target else ""
        self.outcome.error = NotVerified(f"{what}: {verdict.summary}", hint=hint)
        return False

    @property
    def _target(self) -> Ref | None:
        """What the run is about: the first object that it locks, or changes."""
        changed = (change.target for change in self._plan.changes)
        return next(iter((*self._plan.locks, *changed)), None)

    def _end(self, step: PlannedStep, state: StepState, message: str, started: datetime | None = None) -> None:
        now = self._host.clock.now()
        record = StepRecord(step.id, step.kind, step.title, state, message, started or now, now)
        known = [item.id for item in self.outcome.steps]
        if step.id in known:
            self.outcome.steps[known.index(step.id)] = record
        else:
            self.outcome.steps.append(record)
        self.tell(step, state, message)

    def tell(self, step: PlannedStep, state: StepState, message: str) -> None:
        """Shows one line of the run's story."""
        self._host.progress(RunEvent(self._host.clock.now(), step.id, state, message))


class _Heartbeat:
    """Shows a wait's line when it changes, and every half minute, so that nobody takes it for dead."""

    def __init__(self, run: _Run, step: PlannedStep, clock: Clock) -> None:
        self._run, self._step, self._clock = run, step, clock
        self._last = ""
        self._at = clock.monotonic()

    def say(self, message: str) -> None:
        now = self._clock.monotonic()
        if message != self._last or now - self._at >= HEARTBEAT_S:
            self._last, self._at = message, now
            self._run.tell(self._step, StepState.RUNNING, message)


def typed(ref: Ref) -> str:
    """A reference as a user types it: `deployment/NAME -n NAMESPACE`."""
    return f"{ref.kind.lower()}/{ref.name}" + (f" -n {ref.namespace}" if ref.namespace else "")


def _step_failed(step: PlannedStep, error: VopsError, *, dirty: bool, left: tuple[str, ...] = ()) -> StepFailed:
    """The error of a run that a step has ended; what could not be taken back is named."""
    rest = f"; not taken back: {'; '.join(left)}" if left else ""
    failed = StepFailed(f"{step.title}: {error}{rest}", dirty=dirty, hint=error.hint)
    failed.__cause__ = error
    return failed
