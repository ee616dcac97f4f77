"""The verb run: makes a plan from a runbook without a single write, and carries a plan out.

Planning goes through the read-only transport, so a dry run cannot change anything whatever a step's author forgot.
Carrying out goes through the journalled one, under a lock on every target.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from vops.errors import ApprovalNeeded, Forbidden, NotFound, NotVerified, PlanStale, Refused, VopsError
from vops.library import read_runbook_file
from vops.model.objects import Ref
from vops.model.resources import NAMESPACES
from vops.model.snapshot import ClusterSnapshot
from vops.operations.observation.observe import observe
from vops.operations.running.access import GUARD, check_permissions, needed, with_permissions
from vops.operations.running.answers import Answer, check_answers
from vops.operations.running.asking import answer
from vops.operations.running.dry_runs import tried
from vops.operations.running.impact import with_impact
from vops.operations.running.journal import Journal, claim_plan
from vops.operations.running.journal_copy import JournalCopy
from vops.operations.running.locks import locked
from vops.operations.running.retelling import retold
from vops.operations.running.runs import (
    AFTERWARDS,
    BEGUN,
    ENDED,
    EVENT,
    RESUMED,
    SETTLES,
    Ending,
    PastRun,
    fetched_mark,
)
from vops.operations.running.used_plans import claim_everywhere
from vops.operations.session import Session
from vops.operations.together import together
from vops.planning.changes import Verb, kind_of
from vops.planning.diff import unified
from vops.planning.events import Approve, Progress, Question, RunEvent, StepRecord, StepState
from vops.planning.patches import Document
from vops.planning.plan import Gate, Identity, Plan
from vops.runbooks.asks import Unanswered
from vops.runbooks.host import Host, Outcome
from vops.runbooks.kinds import Result, Unread, Verdict, discover
from vops.runbooks.planner import World, bound_params, make_plan, references
from vops.runbooks.rights import looks_only, other_rights, sure_rights
from vops.runbooks.runner import execute
from vops.runbooks.script import Script, load_script


@dataclass(frozen=True)
class RunResult:
    """What came of a run. `error` is None for NOTHING, APPLIED and FIXED."""

    run_id: str
    outcome: Ending
    steps: tuple[StepRecord, ...] = ()
    verification: Verdict | None = None
    error: VopsError | None = None
    journal: str = ""

    def raise_for_outcome(self) -> None:
        """Raises the error that ended the run, if one did: its class decides the exit code."""
        if self.error is not None:
            raise self.error


async def plan_run(
    session: Session,
    runbook: str,
    params: Mapping[str, Any],
    *,
    snapshot: ClusterSnapshot | None = None,
    to_apply: bool = False,
) -> Plan:
    """The plan of a runbook, by name or path. Issues reads, dry runs and access reviews only.

    The first requests ask whether it may be made at all, and with `to_apply` also whether it may be carried out.
    Raises UsageError (runbook, parameters), InputError (the file), NotFound (a target), Refused (an assertion, or
    permissions that are missing).
    """
    script = load_script(*read_runbook_file(runbook))
    values = bound_params(script, _placed(script, params, session))
    looking = replace(session, cluster=session.cluster.read_only())
    await _check_allowed(looking, script, values, to_apply=to_apply and not session.cluster.readonly)
    targets = references(script, values)
    async with together() as tasks:
        identity = tasks.create_task(cluster_identity(looking))
        documents = [tasks.create_task(live_document(looking, ref)) for ref in targets]
        if snapshot is None:
            snapshot = await observe(looking, target=targets[0] if targets else None, window_s=0)
    found = (task.result() for task in documents)
    world = World(snapshot, identity.result(), dict(zip(targets, found, strict=True)))
    plan = await with_permissions(looking, await _planned(looking, script, values, world))
    plan = await with_impact(looking, plan, snapshot)
    return plan if plan.blocked else await tried(looking, plan)


async def _check_allowed(session: Session, script: Script, values: Mapping[str, Any], *, to_apply: bool) -> None:
    """Raises Refused naming all that these credentials lack, before anything is looked at."""
    namespace = session.settings.namespace or session.cluster.namespace
    wanted = sure_rights(script.runbook, values, namespace)
    others = other_rights(script.runbook, values, namespace)
    if not to_apply:
        wanted, others = tuple(filter(looks_only, wanted)), ()
    await check_permissions(session, script.runbook.id, wanted, others)


async def _planned(session: Session, script: Script, values: Mapping[str, Any], world: World) -> Plan:
    """The plan, with everything looked up that a step turns out to want."""
    while True:
        try:
            return make_plan(script, values, world, plan_id=secrets.token_hex(6))
        except Unanswered as wanted:
            world = replace(world, answers={**world.answers, wanted.ask: await answer(session, wanted.ask)})
            continue
        except Unread as wanted:
            ref = wanted.ref
        try:
            found = {**world.documents, ref: await live_document(session, ref)}
            world = replace(world, documents=found)
        except NotFound:
            world = replace(world, absent=world.absent | {ref})


def _placed(script: Script, params: Mapping[str, Any], session: Session) -> Mapping[str, Any]:
    """The parameters with the session's namespace where a runbook wants one and none was given."""
    here = session.settings.namespace or session.cluster.namespace
    declared = script.runbook.head.params
    return {name: here for name, param in declared.items() if param.type == "k8s.namespace"} | dict(params)


async def run_plan(
    session: Session,
    plan: Plan,
    *,
    approve: Approve,
    progress: Progress = lambda event: None,
    timeout_s: float | None = None,
    from_file: bool = False,
    answers: Mapping[str, str] | None = None,
    answer: Answer | None = None,
) -> RunResult:
    """Carries out a plan, once; one `from_file` once on all machines that may have the file.

    What keeps it from starting is raised: Refused (read-only, a guard, another cluster), PlanStale (expired, applied
    before), ApprovalNeeded, LockHeld. What happens afterwards is in the result, whose `raise_for_outcome` raises it.
    `approve` is asked once for all changes, and for every step with a gate of its own; `answer` for values that
    `answers` does not have.
    """
    await _check_startable(session, plan)
    if plan.nothing_to_do:
        return RunResult("", Ending.NOTHING)
    check_answers(plan, answers or {}, can_ask=answer is not None)
    await _agree(plan, approve)
    run = _Run(session, plan, plan.run_id, approve, progress, timeout_s, answers or {}, answer)
    async with locked(session.cluster, session.clock, plan.locks, run.id, run.warn) as still_mine:
        state = session.settings.state_path
        if from_file:
            await claim_everywhere(session.cluster, plan, state, session.clock.now(), run.warn)
        claim_plan(state, plan.id)
        with Journal(session.settings.state_path, run.id, session.clock) as journal:
            journal.note(BEGUN, {"run": run.id, "plan": plan})
            return await run.carry_out(journal, still_mine)


async def resume_run(
    session: Session,
    run: PastRun,
    *,
    approve: Approve,
    progress: Progress = lambda event: None,
    timeout_s: float | None = None,
    answers: Mapping[str, str] | None = None,
    answer: Answer | None = None,
) -> RunResult:
    """Goes on with a run that was interrupted, ran out of time or met a failure, from what is there now.

    What it had finished is not done again, and of the rest only what has not landed is written. Raises Refused for a
    run that cannot go on, LockHeld, and what `run_plan` raises. `approve` is asked for all changes again where the
    journal was fetched: it is as trustworthy as those who may write to that namespace.
    """
    run.check_resumable()
    await _check_place(session, run.plan)
    await check_permissions(session, run.plan.runbook, needed(run.plan))
    check_answers(run.plan, answers or {}, can_ask=answer is not None, done=run.finished)
    if run.is_fetched:
        await _agree(await retold(session, run.plan), approve, diffs=True)
        fetched_mark(run.path).unlink()
    going = _Run(session, run.plan, run.id, approve, progress, timeout_s, answers or {}, answer)
    lock = locked(session.cluster, session.clock, run.plan.locks, run.id, going.warn, patient=True)
    async with lock as still_mine:
        with Journal.reopened(run.path, session.clock) as journal:
            journal.note(RESUMED, {})
            return await going.carry_out(journal, still_mine, run.finished)


@dataclass(frozen=True)
class _Run:
    """One run under its lock, with its journal open."""

    session: Session
    plan: Plan
    id: str
    approve: Approve
    progress: Progress
    timeout_s: float | None
    answers: Mapping[str, str]
    answer: Answer | None

    async def carry_out(
        self, journal: Journal, still_mine: Callable[[], None], done: Mapping[str, StepRecord] | None = None
    ) -> RunResult:
        """Executes the plan, or what an interrupted run has left of it.

        Everything that happens is in the journal before anybody is told.
        """

        def tell(event: RunEvent) -> None:
            journal.note(EVENT, event)
            self.progress(event)

        copy = JournalCopy(self.session.cluster, journal.path, self.plan.locks, self.warn)
        host = Host(
            cluster=self.session.cluster.journalled(journal.record),
            clock=self.session.clock,
            observe=self._look,
            approve=self.approve,
            progress=tell,
            still_mine=still_mine,
            keep=journal.keep,
            timeout_s=self.timeout_s,
            checkpoint=copy.write,
            answers=self.answers,
            answer=self.answer,
            notify=self.session.notifier.send if self.session.notifier else None,
        )
        try:
            outcome = await execute(self.plan, host, done)
        except asyncio.CancelledError:
            journal.note("interrupted", {})
            self.warn(f"interrupted, nothing is taken back; go on: vops resume {self.id}")
            raise
        result = _result(self.id, outcome, str(journal.path))
        journal.note(ENDED, {"outcome": result.outcome, "error": str(result.error or ""), "steps": result.steps})
        await self._put_away(copy, result)
        return result

    async def _put_away(self, copy: JournalCopy, result: RunResult) -> None:
        """The journal's copy stays while somebody may need it: to go on, or to take back what can be."""
        settled = self.plan.params.get(SETTLES) if self.plan.runbook in AFTERWARDS else None
        if result.error is not None:
            await copy.write()
        elif any(change.undo or change.verb is Verb.APPLY for change in self.plan.changes) and not settled:
            await copy.keep(self.plan.undo_until, self.session.clock.now())
        else:
            await copy.remove()
        if settled and result.error is None:
            await copy.remove(str(settled))

    def warn(self, message: str) -> None:
        """One line about the run as a whole."""
        self.progress(RunEvent(self.session.clock.now(), "", StepState.RUNNING, message))

    async def _look(self, ref: Ref) -> ClusterSnapshot:
        return await observe(self.session, target=ref, window_s=0)


async def cluster_identity(session: Session) -> Identity:
    """Which cluster this is, as far as the credentials let one know."""
    version = await session.cluster.version()
    try:
        system = await session.cluster.get(NAMESPACES, "kube-system")
    except (Forbidden, NotFound):
        return Identity(session.cluster.context, version)
    return Identity(session.cluster.context, version, system["metadata"]["uid"])


async def live_document(session: Session, ref: Ref) -> Document:
    kind = kind_of(ref)
    found = await session.cluster.get(kind, ref.name, ref.namespace)
    return {"apiVersion": kind.api_version, "kind": kind.kind, **found}


async def _check_startable(session: Session, plan: Plan) -> None:
    for guard in plan.blocked:
        if guard.name != GUARD:
            raise Refused(f"{plan.title}: {guard.detail}", hint=guard.instead)
    _check_usable(plan, session.clock.now())
    await _check_place(session, plan)
    await check_permissions(session, plan.runbook, needed(plan))


async def _check_place(session: Session, plan: Plan) -> None:
    """Raises Refused when this is not the cluster that the plan was made for, or nothing may be written to it."""
    if session.cluster.readonly:
        raise Refused("this session is read-only, so nothing is changed", hint="start vops without --readonly")
    here = await cluster_identity(session)
    other = here.uid != plan.cluster.uid if here.uid and plan.cluster.uid else here.context != plan.cluster.context
    if other:
        raise Refused(
            f"the plan is for the cluster of context {plan.cluster.context!r}, this is {here.context!r}",
            hint=f"use {_place_option(plan.cluster.context)}",
        )


def _place_option(context: str) -> str:
    """The option that leads to a cluster."""
    lab = context.removeprefix("lab:")
    return f"--lab {lab}" if lab != context else f"--context {shlex.quote(context)}"


def _check_usable(plan: Plan, now: datetime) -> None:
    if now > plan.expires_at:
        raise PlanStale(f"the plan has expired at {plan.expires_at:%H:%M:%S} UTC", hint="make a new plan")
    if unknown := sorted({step.kind for step in plan.steps} - discover().keys()):
        raise PlanStale(
            f"the plan needs steps that this vops does not have: {', '.join(unknown)}", hint="make a new plan"
        )


async def _agree(plan: Plan, approve: Approve, *, diffs: bool = False) -> None:
    """Asks once for everything that the plan will write; with `diffs`, of every line of it."""
    if not plan.changes:
        return
    said = (unified(change) if diffs else change.summary for change in plan.changes)
    text = "\n".join((*said, *plan.notes))
    question = Question(Gate.CONFIRM, plan.title, text, plan.locks[0] if plan.locks else None)
    if not await approve(question):
        raise ApprovalNeeded(f"{plan.title}: not agreed to, so nothing was changed", hint="add --yes to agree")


def _result(run_id: str, outcome: Outcome, journal: str) -> RunResult:
    return RunResult(run_id, _ending(outcome), tuple(outcome.steps), outcome.verdict, outcome.error, journal)


def _ending(outcome: Outcome) -> Ending:
    if isinstance(outcome.error, ApprovalNeeded):
        return Ending.WAITING
    judged = outcome.error is None or isinstance(outcome.error, NotVerified)
    if outcome.verdict is not None and judged:
        endings = {Result.FIXED: Ending.FIXED, Result.CHANGED: Ending.CHANGED, Result.UNCHANGED: Ending.UNCHANGED}
        return endings[outcome.verdict.result]
    return Ending.APPLIED if outcome.error is None else Ending.FAILED
