"""`vops apply`, `vops resume`, `vops undo` and `vops runs`: plans that were written down, and runs that were."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vops.cli.options import Globals
from vops.cli.reporting import HELP as REPORT_HELP

if TYPE_CHECKING:
    from vops.cli.carrying import Terms
    from vops.operations.running.runs import PastRun
    from vops.operations.session import Session
    from vops.planning.plan import Plan

RUN = typer.Argument(metavar="RUN", help="a run's id, or its beginning; vops runs lists them")
YES = typer.Option("--yes", "-y", help="agree without being asked")
CONFIRM = typer.Option("--confirm", metavar="NAME=VALUE", help="what would have to be typed, such as target=NAME")
PAUSE = typer.Option("--pause-gitops", help="pause Argo CD or Flux meanwhile, and let it go on at the end")
SET = typer.Option("--set", metavar="STEP=VALUE", help="the answer to a step that asks for a value")
REPORT = typer.Option("--report", metavar="FORMAT=FILE", help=REPORT_HELP)

group = typer.Typer(help="The runs of this machine. -o text|json", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.command("apply", help="Apply a plan that --plan-out has written.")(apply)
    app.command("resume", help="Go on with a run that was interrupted, here or on another machine.")(resume)
    app.command("undo", help="Take back what a run has changed, keeping what others did since. -o text|json|yaml")(undo)
    app.add_typer(group, name="runs")


def apply(
    context: typer.Context,
    plan_in: Annotated[Path, typer.Option("--plan-in", metavar="FILE", help="the plan")],
    yes: Annotated[bool, YES] = False,
    confirm: Annotated[list[str] | None, CONFIRM] = None,
    report: Annotated[list[str] | None, REPORT] = None,
    answer: Annotated[list[str] | None, SET] = None,
) -> None:
    from vops.cli.carrying import carry_out, show_plan
    from vops.operations.running.apply import read_plan

    options: Globals = context.obj
    terms = _terms(yes, confirm, report, answer)
    read = read_plan(plan_in)

    async def work(session: Session) -> None:
        from vops.operations.running.access import with_permissions
        from vops.operations.running.apply import check_fresh
        from vops.operations.running.retelling import retold

        plan = await with_permissions(session, await retold(session, read))
        show_plan(plan, options)
        await check_fresh(session, plan)
        await carry_out(session, plan, options, terms, from_file=True)

    _in_session(options, work)


def resume(
    context: typer.Context,
    run: Annotated[str, RUN],
    yes: Annotated[bool, YES] = False,
    confirm: Annotated[list[str] | None, CONFIRM] = None,
    report: Annotated[list[str] | None, REPORT] = None,
    answer: Annotated[list[str] | None, SET] = None,
) -> None:
    from vops.cli.carrying import go_on, show_plan

    options: Globals = context.obj
    terms = _terms(yes, confirm, report, answer)
    known = _known(options, run)

    async def work(session: Session) -> None:
        from vops.operations.running.retelling import retold

        found = await _found(session, known, run)
        if found.is_fetched:
            show_plan(await retold(session, found.plan), options)
        await go_on(session, found, options, terms)

    _in_session(options, work)


def undo(
    context: typer.Context,
    run: Annotated[str, RUN],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the plan and change nothing")] = False,
    yes: Annotated[bool, YES] = False,
    confirm: Annotated[list[str] | None, CONFIRM] = None,
    report: Annotated[list[str] | None, REPORT] = None,
) -> None:
    from vops.cli.carrying import carry_out, present_plan
    from vops.cli.output import chosen

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json", "yaml"))
    terms = _terms(yes, confirm, report)
    known = _known(options, run)

    async def work(session: Session) -> None:
        plan = await _plan_undo(session, known, run)
        present_plan(plan, options, output)
        if not dry_run and output != "yaml":
            await carry_out(session, plan, options, terms)

    _in_session(options, work)


@group.callback()
def runs(context: typer.Context) -> None:
    if context.invoked_subcommand is not None:
        return
    from vops.cli.diagnostics import narrate
    from vops.cli.output import chosen, emit, emit_lines
    from vops.cli.running import settings_of
    from vops.operations.running.runs import past_runs
    from vops.operations.stories import story_of
    from vops.render.runs import run_rows

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json"))
    found, problems = past_runs(settings_of(options).state_path)
    for problem in problems:
        narrate(f"vops: {problem}", quiet=options.quiet)
    stories = [story_of(run) for run in found]
    if output == "json":
        import msgspec

        emit(msgspec.json.format(msgspec.json.encode(stories), indent=2))
    elif stories:
        emit_lines(run_rows(stories), no_color=options.no_color)
        for line in _left_paused(found):
            narrate(line, quiet=options.quiet)
    else:
        narrate("no runs yet; vops fix and vops run make them", quiet=options.quiet)


def _left_paused(runs: list[PastRun]) -> list[str]:
    """What runs have paused and nobody has let go again, as far as this machine knows."""
    undone = {run.plan.params.get("run") for run in runs if run.plan.runbook == "undo" and run.ending is not None}
    return [
        f"run {run.id} still holds: {title}\n  next: vops resume {run.id}, or vops undo {run.id}"
        for run in runs
        for title in run.pauses
        if run.id not in undone
    ]


@group.command("show", help="One run: its steps, its changes, how it ended, what to do next. -o text|json")
def show(context: typer.Context, run: Annotated[str, RUN]) -> None:
    from vops.cli.output import chosen, emit, emit_lines
    from vops.operations.stories import story_of
    from vops.render.runs import run_json, story_lines

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json"))
    story = story_of(_past(options, run))
    if output == "json":
        emit(run_json(story))
    else:
        emit_lines(story_lines(story), no_color=options.no_color)


def _past(options: Globals, run: str) -> PastRun:
    from vops.cli.running import settings_of
    from vops.operations.running.runs import past_run

    return past_run(settings_of(options).state_path, run)


def _known(options: Globals, run: str) -> PastRun | None:
    """A run of this machine; None for the whole id of one that another machine may have begun."""
    import re

    from vops.errors import UsageError

    try:
        return _past(options, run)
    except UsageError:
        if re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]+", run):
            return None
        raise


async def _found(session: Session, known: PastRun | None, run: str) -> PastRun:
    """The run, its journal fetched from the cluster where this machine has none."""
    from vops.operations.running.journal_copy import fetch_run
    from vops.operations.running.runs import past_run

    if known is not None:
        return known
    await fetch_run(session, run)
    return past_run(session.settings.state_path, run)


async def _plan_undo(session: Session, known: PastRun | None, run: str) -> Plan:
    """What takes the run back; of one whose journal is nowhere, what ends the pauses that it has left."""
    from vops.errors import UsageError
    from vops.operations.running.pauses import plan_release
    from vops.operations.running.undo import plan_undo

    try:
        found = await _found(session, known, run)
    except UsageError:
        plan = await plan_release(session, run)
        if plan is None:
            raise
        return plan
    return await plan_undo(session, found)


def _terms(yes: bool, confirm: list[str] | None, report: list[str] | None, answers: list[str] | None = None) -> Terms:
    from vops.cli.carrying import Terms, parameters
    from vops.cli.reporting import reports

    return Terms(yes, parameters(confirm or []), reports(report or []), answers=parameters(answers or []))


def _in_session(options: Globals, work: Callable[[Session], Coroutine[Any, Any, None]]) -> None:
    from vops.cli.running import run, settings_of

    async def inside() -> None:
        from vops.operations.session import open_session

        async with open_session(settings_of(options)) as session:
            await work(session)

    run(inside())
