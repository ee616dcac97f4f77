"""Carries out a plan, step by step: the one engine behind the command line, the TUI and CI.

Every change is checked again, tried and written by vops.runbooks.apply; waits look until they have an answer; a step
that fails stops the run, or goes on, or undoes everything in reverse order, as its runbook says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from itertools import groupby
from typing import TypeVar

import msgspec

from vops.errors import (
    ApprovalNeeded,
    ClusterError,
    LockHeld,
    NotVerified,
    PlanStale,
    Refused,
    StepFailed,
    Unavailable,
    Unreachable,
    VopsError,
)
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.planning.changes import Change
from vops.planning.events import Question, RunEvent, StepRecord, StepState
from vops.planning.patches import Document
from vops.planning.plan import Decision, Gate, OnFail, Plan, PlannedStep
from vops.runbooks.abreast import Halt, Stopped, all_of
from vops.runbooks.apply import Unsettled, carry_out, hand_back, has_landed, take_back
from vops.runbooks.endings import causes, step_failed, typed
from vops.runbooks.expressions import ExpressionError
from vops.runbooks.heartbeat import Heartbeat
from vops.runbooks.host import Host, Outcome
from vops.runbooks.kinds import Done, Group, Ports, Result, StepFault, StepKind, View, discover
from vops.runbooks.kinds import Outcome as StepOutcome
from vops.runbooks.late import Values
from vops.runbooks.params import bind

T = TypeVar("T")

_DIAGNOSED = frozenset({"Pod", "Deployment", "StatefulSet"})
_NOT_FIXED = {
    Result.CHANGED: "the cause is gone, and now another stands in the way",
    Result.UNCHANGED: "the change is applied and the cause is still there",
}


async def execute(plan: Plan, host: Host, done: Mapping[str, StepRecord] | None = None) -> Outcome:
    """Carries out `plan`. Failures are in the outcome; only cancellation and bugs raise.

    With `done`, the steps that an interrupted run had finished, it goes on from there: what has landed of the others
    is looked up, nothing is written twice, and every wait and verification looks again.
    """
    run = _Run(plan, host, done)
    for _, steps in groupby(plan.steps, key=lambda step: (step.parallel, step.section if step.parallel else step.id)):
        await run.take(tuple(steps))
    return run.outcome


class _Run:
    """One run: what has been applied so far, so that it can be taken back; what was measured; what has failed."""

    def __init__(self, plan: Plan, host: Host, done: Mapping[str, StepRecord] | None) -> None:
        self._plan = plan
        self._host = host
        self._done = done or {}
        self._resumed = done is not None
        self._values = Values(plan)
        self._applied: list[tuple[PlannedStep, Change]] = []
        self._deadline = None if host.timeout_s is None else host.clock.monotonic() + host.timeout_s
        self._over = False
        self._entered: set[str] = set()
        self._broken: set[str] = set()
        self._halt = Halt()
        self.outcome = Outcome()

    async def take(self, steps: tuple[PlannedStep, ...]) -> None:
        """One step, or several at the same time, if their turn comes; a failure may end the run."""
        due = [step for step in steps if self._is_due(step)]
        if len(due) == 1:
            await self._conclude(due[0], await self._attempt(due[0]))
        elif due:
            await self._abreast(due)

    def _is_due(self, step: PlannedStep) -> bool:
        """Whether there is something to do; what was decided or done before is told."""
        if self._passes_by(step):
            return False
        if step.decision is not Decision.DO:
            state = StepState.DONE if step.decision in (Decision.SEEN, Decision.DONE) else StepState.SKIPPED
            self._end(step, state, step.because or " ".join(step.says))
            return False
        self._entered.add(step.block)
        if self._was_done(step):
            self._applied += [(step, change) for change in step.changes]
            self._values.keep(step, self._done[step.id].outputs)
            self.outcome.steps.append(self._done[step.id])
            return False
        return True

    async def _abreast(self, steps: list[PlannedStep]) -> None:
        """Steps at the same time; what the first failure leads to is decided once all have ended."""
        failed: list[tuple[PlannedStep, VopsError]] = []

        async def watched(step: PlannedStep) -> None:
            failure = await self._attempt(step)
            if failure is not None and not isinstance(failure, Stopped):
                failed.append((step, failure))
                if step.on_fail is not OnFail.CONTINUE:
                    self._halt.call(step.title)

        await all_of(watched(step) for step in steps)
        self._halt = Halt()
        forgiven = [item for item in failed if item[0].on_fail is OnFail.CONTINUE]
        grave = [item for item in failed if item not in forgiven]
        for step, failure in (*forgiven, *grave[:1]):
            await self._conclude(step, failure)
        await self._checkpoint()

    def _passes_by(self, step: PlannedStep) -> bool:
        """Whether the way does not lead to this step."""
        if step.section == "always":
            return self._over and step.block not in self._entered
        if step.section == "rescue" and step.block not in self._broken:
            self._end(step, StepState.SKIPPED, "nothing to rescue")
            return True
        return self._over or (step.block in self._broken and step.section == "steps")

    def _was_done(self, step: PlannedStep) -> bool:
        """Whether it was done before the run was interrupted; a wait looks again, a measurement is not repeated."""
        record = self._done.get(step.id)
        return record is not None and (discover()[step.kind].group is not Group.WAIT or bool(record.outputs))

    async def _attempt(self, step: PlannedStep) -> VopsError | None:
        """Does a step and tells how it went; the answer is what it failed with, to be concluded from."""
        started = self._host.clock.now()
        try:
            if step.condition and not self._values.holds(step):
                self._end(step, StepState.SKIPPED, f"{step.condition} does not hold")
                return None
            self.tell(step, StepState.RUNNING, step.title)
            if step.changes:
                await self._checkpoint()
            message, outputs = await self._do(step)
        except Done as done:
            self._end(step, StepState.DONE, str(done), started)
            self._over = True
        except ApprovalNeeded as needed:
            self._end(step, StepState.WAITING, "for a person", started)
            return needed
        except (VopsError, ExpressionError) as error:
            failure = error if isinstance(error, VopsError) else StepFault(str(error))
            self._end(step, StepState.FAILED, str(error), started)
            return failure
        else:
            self._values.keep(step, outputs)
            self._end(step, StepState.DONE, message, started, outputs)
            self._judge()
        return None

    async def _conclude(self, step: PlannedStep, failure: VopsError | None) -> None:
        """What follows from how a step went."""
        if failure is not None and not await self._failed(step, failure):
            self._stop(step)
        await self._checkpoint()

    async def _checkpoint(self) -> None:
        if self._host.checkpoint is not None:
            await self._host.checkpoint()

    def _stop(self, step: PlannedStep) -> None:
        """After a failure: the rescue of its block goes on from here, or only what is always done."""
        rescues = any(item.block == step.block and item.section == "rescue" for item in self._plan.steps)
        if step.block and step.section == "steps" and rescues and not self._over:
            self._broken.add(step.block)
            self.outcome.error = None
        else:
            self._over = True

    async def _do(self, step: PlannedStep) -> tuple[str, Document]:
        """What came of it, in words and as outputs."""
        kind = discover()[step.kind]
        args = self._values.arguments(step, kind)
        if kind.group is Group.HUMAN and step.late:
            step = msgspec.structs.replace(step, says=(kind.instruct(msgspec.convert(args, kind.args)),))
        if kind.asks:
            return await self._answered(step, kind, args)
        if step.gate is not Gate.NONE:
            await self._ask(step)
        if kind.group is Group.CHANGE:
            return await self._change(step), {}
        if kind.group is Group.WAIT:
            return await self._wait(step, kind, args)
        if kind.group is Group.LOOK:
            return self._look(kind, args), {}
        return "", {}

    def _look(self, kind: StepKind, args: Document) -> str:
        """A late look, which needs nothing but its arguments."""
        try:
            outcome = kind.look(msgspec.convert(args, kind.args), View(ClusterSnapshot(at=self._host.clock.now())))
        except Refused as refused:
            raise StepFault(str(refused), hint=refused.hint) from refused
        return " ".join(outcome.says)

    async def _ask(self, step: PlannedStep) -> None:
        about = next((change.target for change in step.changes), self._target)
        question = Question(step.gate, step.title, "\n".join(step.says), about, step.id)
        if not await self._host.approve(question):
            raise ApprovalNeeded(f"{step.title}: a person has to decide", hint="\n".join(step.says))

    async def _answered(self, step: PlannedStep, kind: StepKind, args: Document) -> tuple[str, Document]:
        """A value: the one that was given, what a person says, or the default where nobody is there."""
        wanted = kind.wanted(msgspec.convert(args, kind.args))
        text = self._host.answers.get(step.id)
        if text is None and self._host.answer is not None:
            plain = msgspec.to_builtins(wanted)
            text = await self._host.answer(Question(step.gate, step.title, wanted.help, None, step.id, plain))
        value = bind({step.id: wanted}, {} if text is None else {step.id: text})[step.id]
        return f"the answer is {value}", {"value": value}

    async def _change(self, step: PlannedStep) -> str:
        said = [change.summary for change in step.changes]
        for change in step.changes:
            self._host.still_mine()
            self._halt.check()
            if self._looks_first(step) and await has_landed(self._host.cluster, change):
                self._applied.append((step, change))
                said.append("it was there already")
                said += await hand_back(self._host.cluster, change) if change.hands_back else ()
                continue
            try:
                said += await self._persistently(step, change)
            except Unsettled:
                self._applied.append((step, change))
                raise
            self._applied.append((step, change))
        return "; ".join(dict.fromkeys(said))

    def _looks_first(self, step: PlannedStep) -> bool:
        """Whether a change may be there already: from before an interruption, or since its block was undone."""
        return self._resumed or step.section == "always"

    async def _persistently(self, step: PlannedStep, change: Change) -> tuple[str, ...]:
        """The change, tried again as often as the step allows while the API server is unavailable."""

        tried = False

        async def once() -> tuple[str, ...]:
            nonlocal tried
            if tried and await has_landed(self._host.cluster, change):
                return ("it had landed",)
            tried = True
            return await carry_out(self._host.cluster, change)

        return await self._retried(step, once)

    async def _retried(self, step: PlannedStep, once: Callable[[], Awaitable[T]]) -> T:
        """`once`, again and again as the step's `retry` says."""
        pause_s = step.retry_delay_s
        for left in range(step.retries, -1, -1):
            try:
                return await once()
            except VopsError as error:
                if not left or not causes(error) & set(step.retry_causes):
                    raise
                self.tell(step, StepState.RUNNING, f"{error}; trying again in {pause_s:g} s")
            await self._host.clock.sleep(pause_s)
            self._halt.check()
            pause_s = min(pause_s * step.retry_factor, step.retry_cap_s)
        raise AssertionError("the last try has an answer or an error")

    async def _wait(self, step: PlannedStep, kind: StepKind, args: Document) -> tuple[str, Document]:
        async def once() -> StepOutcome:
            return await kind.run(msgspec.convert(args, kind.args), self._ports(step))

        outcome = await self._retried(step, once)
        self.outcome.verdict = outcome.verdict or self.outcome.verdict
        return " ".join(outcome.says), outcome.outputs

    def _ports(self, step: PlannedStep) -> Ports:
        host, now = self._host, self._host.clock.monotonic()
        deadline = now + (step.timeout_s or 0)
        deadline = deadline if self._deadline is None else min(deadline, self._deadline)
        say = Heartbeat(host.clock, lambda message: self.tell(step, StepState.RUNNING, message)).say
        values = {**self._values.known, "item": step.item}
        changes = tuple(change for _, change in self._applied)
        more = (host.notify, f"{self._plan.run_id}/{step.id}", self._halt.check)
        return Ports(host.cluster, host.clock, host.observe, say, deadline, values, changes, *more)

    async def _failed(self, step: PlannedStep, error: VopsError) -> bool:
        """What a failure leads to; True when the run goes on.

        An API server that does not answer is no reason to take anything back: it could not be, and the run can go on
        once it answers. Nor is anything when another run holds the target.
        """
        if step.evidence:
            await self._keep_evidence(step)
        if step.on_fail is OnFail.CONTINUE:
            return True
        first = self.outcome.error
        if first is not None and self._over:
            self.outcome.error = StepFailed(f"{first}; and then {step.title}: {error}", dirty=True, hint=first.hint)
            return False
        lost = isinstance(error, (Unavailable, Unreachable, Unsettled, LockHeld))
        if self._applied and not lost and (step.on_fail is OnFail.UNDO or await self._asked_to_undo(step, error)):
            left = await self._undo()
            self.outcome.error = step_failed(step, error, dirty=bool(left), left=left)
        elif isinstance(error, StepFault) or (self._applied and isinstance(error, (PlanStale, ClusterError))):
            self.outcome.error = step_failed(step, error, dirty=bool(self._applied))
        else:
            self.outcome.error = error
        return False

    async def _asked_to_undo(self, step: PlannedStep, error: VopsError) -> bool:
        """Whether a person who is asked wants everything taken back; nobody there to ask means no."""
        if step.on_fail is not OnFail.ASK:
            return False
        text = "\n".join((str(error), *(change.summary for _, change in self._applied)))
        question = Question(Gate.CONFIRM, f"{step.title} failed: take back what was changed?", text, self._target)
        try:
            return await self._host.approve(question)
        except ApprovalNeeded:
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

    def _judge(self) -> None:
        """A verification that says no ends the run."""
        verdict = self.outcome.verdict
        if verdict is None or verdict.result is Result.FIXED or self._over:
            return
        what = _NOT_FIXED[verdict.result]
        hint = f"vops diagnose {typed(self._target)}" if self._target else ""
        self.outcome.error = NotVerified(f"{what}: {verdict.summary}", hint=hint)
        self._over = True

    @property
    def _target(self) -> Ref | None:
        """What the run is about: of what it locks or changes, the first that can be diagnosed, else the first."""
        found = (*self._plan.locks, *(change.target for change in self._plan.changes))
        served = (ref for ref in found if ref.kind in _DIAGNOSED)
        return next(served, next(iter(found), None))

    def _end(
        self,
        step: PlannedStep,
        state: StepState,
        message: str,
        started: datetime | None = None,
        outputs: Document | None = None,
    ) -> None:
        now = self._host.clock.now()
        record = StepRecord(step.id, step.kind, step.title, state, message, started or now, now, outputs or {})
        known = [item.id for item in self.outcome.steps]
        if step.id in known:
            self.outcome.steps[known.index(step.id)] = record
        else:
            self.outcome.steps.append(record)
        self.tell(step, state, message, outputs)

    def tell(self, step: PlannedStep, state: StepState, message: str, outputs: Document | None = None) -> None:
        """Shows one line of the run's story."""
        self._host.progress(RunEvent(self._host.clock.now(), step.id, state, message, outputs or {}))
