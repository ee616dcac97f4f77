"""What every command that applies a plan shares: showing it, asking, telling what happens, and the ending."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vops.cli.diagnostics import ExitCode, narrate, write_raw
from vops.cli.options import Globals
from vops.errors import ApprovalNeeded, UsageError

if TYPE_CHECKING:
    from vops.operations.running.answers import Answer
    from vops.operations.running.run import RunResult
    from vops.operations.running.runs import PastRun
    from vops.operations.session import Session
    from vops.planning.events import Approve, Progress, Question, RunEvent
    from vops.planning.plan import Gate, Plan


def parameters(pairs: list[str]) -> dict[str, str]:
    """`name=value` pairs as given with -p. Raises UsageError for one without a name or an equals sign."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"parameter {pair!r} is not NAME=VALUE", hint="for example -p max_model_len=4096")
        found[name] = value
    return found


def show_plan(plan: Plan, options: Globals) -> None:
    from vops.cli.output import emit_lines
    from vops.render.plan import WIDTH, plan_lines

    width = min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    emit_lines(plan_lines(plan, whole=options.verbose, width=width), no_color=options.no_color)


def present_plan(plan: Plan, options: Globals, output: str) -> None:
    """The plan in one of the formats text, json and yaml."""
    from vops.cli.output import emit
    from vops.render.plan import plan_yaml

    if output == "json":
        emit(plan.to_json())
    elif output == "yaml":
        emit(plan_yaml(plan))
    else:
        show_plan(plan, options)


@dataclass(frozen=True)
class Terms:
    """How a run is agreed to, and what is told of it: `confirmed` are the values of `--confirm NAME=VALUE`."""

    yes: bool = False
    confirmed: Mapping[str, str] = field(default_factory=dict)
    reports: Mapping[Path, str] = field(default_factory=dict)
    pause_gitops: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)
    """Of `--set STEP=VALUE`."""


async def carry_out(session: Session, plan: Plan, options: Globals, terms: Terms, *, from_file: bool = False) -> None:
    """Applies `plan` and tells how it went; ends the process with the code of its outcome if that is not 0."""
    from vops.operations.running.run import run_plan

    _check_names_typed(plan, terms)
    with _reported_when_interrupted(session, plan, terms):
        approve, progress = _approve(terms), _progress(options)
        answering: Any = {"answers": terms.answers, "answer": _answer()}
        result = await run_plan(session, plan, approve=approve, progress=progress, from_file=from_file, **answering)
    _conclude(plan, result, terms)


async def go_on(session: Session, run: PastRun, options: Globals, terms: Terms) -> None:
    """Like `carry_out`, from where an interrupted run has got to."""
    from vops.operations.running.run import resume_run

    _check_names_typed(run.plan, terms, done=frozenset(run.finished))
    with _reported_when_interrupted(session, run.plan, terms):
        answering: Any = {"answers": terms.answers, "answer": _answer()}
        result = await resume_run(session, run, approve=_approve(terms), progress=_progress(options), **answering)
    _conclude(run.plan, result, terms)


@contextmanager
def _reported_when_interrupted(session: Session, plan: Plan, terms: Terms) -> Iterator[None]:
    """Writes the reports of a run that a signal ends as well: CI reads them whatever happened."""
    try:
        yield
    except asyncio.CancelledError:
        from vops.cli.reporting import write_reports
        from vops.operations.running.runs import past_runs
        from vops.render.runs import RunStory

        runs = (run for run in past_runs(session.settings.state_path)[0] if run.plan.id == plan.id)
        for run in list(runs)[:1]:
            story = RunStory(run.id, plan, run.steps, "", "interrupted", str(run.path), run.started_at)
            write_reports(story, dict(terms.reports))
        raise


def _approve(terms: Terms) -> Approve:
    async def approve(question: Question) -> bool:
        return await _agreed(question, terms)

    return approve


def _progress(options: Globals) -> Progress:
    from vops.cli.ci_log import StepGroups

    groups = StepGroups(os.environ, write_raw)

    def progress(event: RunEvent) -> None:
        groups.follow(event)
        step = f" {event.step}" if event.step else ""
        narrate(f"{event.at:%H:%M:%S}{step} {event.state} {event.message}".rstrip(), quiet=options.quiet)
        if event.state != "running":
            groups.close(event)

    return progress


async def _agreed(question: Question, terms: Terms) -> bool:
    """`--yes` answers confirmations and `--confirm target=NAME` what wants the name typed; more needs a person."""
    from vops.cli.asking import agreed, typed
    from vops.planning.plan import Gate

    if question.gate is Gate.CONFIRM and terms.yes:
        return True
    name = question.target.name if question.target else ""
    if question.gate is Gate.TYPE_NAME and terms.confirmed.get("target") == name:
        return True
    if not _someone_there():
        raise ApprovalNeeded(f"{question.title}\n{question.text}".strip(), hint=_way(question.gate, name))
    narrate(question.text)
    if question.gate is Gate.TYPE_NAME:
        return await typed(f"{question.title}: type {name} to go on") == name
    return await agreed(question.title)


def _check_names_typed(plan: Plan, terms: Terms, *, done: frozenset[str] = frozenset()) -> None:
    """Raises ApprovalNeeded before anything is done for a name that nobody will be there to type later."""
    from vops.planning.plan import Gate

    if _someone_there():
        return
    for step in plan.steps:
        target = next((change.target for change in step.changes), None)
        typed = target is None or terms.confirmed.get("target") == target.name
        if step.gate is Gate.TYPE_NAME and step.id not in done and target is not None and not typed:
            raise ApprovalNeeded(f"{step.title}: its name has to be typed", hint=_way(step.gate, target.name))


def _answer() -> Answer | None:
    """Asks at the terminal, again until it is an answer; None without one."""
    if not _someone_there():
        return None

    async def answer(question: Question) -> str:
        import msgspec

        from vops.cli.asking import typed
        from vops.runbooks.params import Param, bind

        param = msgspec.convert(question.wants, Param)
        narrate(question.text)
        while True:
            default = None if param.default is None else str(param.default)
            text = await typed(question.title, default=default)
            try:
                bind({question.step: param}, {question.step: text})
            except UsageError as error:
                narrate(error.message)
                continue
            return text

    return answer


def _someone_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _way(gate: Gate, name: str) -> str:
    """How to agree without a terminal."""
    ways = {"confirm": "add --yes", "type-name": f"add --confirm target={name}"}
    return ways.get(gate, "do what it says, or give the parameter it asks for")


def _conclude(plan: Plan, result: RunResult, terms: Terms) -> None:
    from vops.cli.ci_log import tell_later_jobs
    from vops.cli.output import emit
    from vops.cli.reporting import write_reports
    from vops.render.plan import handing_back
    from vops.render.runs import RunStory

    verdict = result.verification.summary if result.verification else ""
    emit(_outcome(result))
    tell_later_jobs(result, os.environ)
    if result.journal:
        narrate(f"journal: {result.journal}")
    error = str(result.error or "")
    story = RunStory(result.run_id, plan, result.steps, result.outcome, error, result.journal, plan.created_at, verdict)
    write_reports(story, dict(terms.reports))
    if result.run_id and result.error is not None:
        narrate(f"go on: vops resume {result.run_id}; take back: vops undo {result.run_id}")
    result.raise_for_outcome()
    if left := handing_back(plan, result.run_id):
        narrate(left)


def _outcome(result: RunResult) -> str:
    """How it ended, in a line; of one that waits for a person what was proven before, too."""
    found = result.verification
    if result.outcome == "waiting":
        left = ", ".join(step.title for step in result.steps if step.state == "waiting")
        return f"waiting for a person: {left}" + (f"; so far {found.result}: {found.summary}" if found else "")
    return f"{result.outcome}: {found.summary}" if found else str(result.outcome)


def pending(plan: Plan, *, detailed: bool) -> None:
    """Ends a dry run: exit 3 for a plan with changes where `--detailed-exitcode` asks for it."""
    if detailed and plan.changes:
        raise typer.Exit(ExitCode.CHANGES_PENDING)
