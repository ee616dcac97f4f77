"""`vops run` and `vops runbook`: runbooks by name or file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals
from vops.cli.runs import CONFIRM, PAUSE, REPORT, SET

if TYPE_CHECKING:
    from vops.cli.carrying import Terms
    from vops.errors import VopsError
    from vops.runbooks.advice import Advice
    from vops.runbooks.script import Script

group = typer.Typer(help="Runbooks as files.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command("run", help="Plan a runbook, show it, apply it, verify it. -o text|json|yaml")(run)
    app.add_typer(group, name="runbook")


def run(
    context: typer.Context,
    runbook: Annotated[str, typer.Argument(metavar="RUNBOOK", help="a name (vops runbook list) or a file")],
    parameter: Annotated[list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="a parameter")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the plan and change nothing")] = False,
    plan_out: Annotated[Path | None, typer.Option(metavar="FILE", help="write the plan as JSON")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="agree to the plan without being asked")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="with --dry-run: exit 3 when something would change")
    ] = False,
    confirm: Annotated[list[str] | None, CONFIRM] = None,
    report: Annotated[list[str] | None, REPORT] = None,
    pause_gitops: Annotated[bool, PAUSE] = False,
    answer: Annotated[list[str] | None, SET] = None,
) -> None:
    from vops.cli.carrying import Terms, parameters
    from vops.cli.output import chosen
    from vops.cli.reporting import reports
    from vops.cli.running import run as run_to_end

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json", "yaml"))
    only_plan = dry_run or plan_out is not None or output == "yaml"
    terms = Terms(yes, parameters(confirm or []), reports(report or []), pause_gitops, parameters(answer or []))
    values = parameters(parameter or [])
    run_to_end(_run(options, runbook, values, terms, output, plan_out, only_plan=only_plan, detailed=detailed_exitcode))


async def _run(
    options: Globals,
    runbook: str,
    values: dict[str, str],
    terms: Terms,
    output: str,
    plan_out: Path | None,
    *,
    only_plan: bool,
    detailed: bool,
) -> None:
    from vops.cli.carrying import carry_out, pending, present_plan
    from vops.cli.output import write_file
    from vops.cli.running import settings_of
    from vops.library import read_runbook_file
    from vops.operations.running.gitops import with_pause
    from vops.operations.running.run import plan_run
    from vops.operations.session import open_session
    from vops.runbooks.script import load_script

    load_script(*read_runbook_file(runbook))
    async with open_session(settings_of(options)) as session:
        plan = await plan_run(session, runbook, values, to_apply=not only_plan)
        plan = await with_pause(session, plan) if terms.pause_gitops else plan
        present_plan(plan, options, output)
        if plan_out is not None:
            write_file(plan_out, plan.to_json(), "--plan-out")
        if only_plan:
            pending(plan, detailed=detailed)
            return
        await carry_out(session, plan, options, terms)


@group.command("list", help="The runbooks that vops finds. -o text|json")
def list_runbooks(context: typer.Context) -> None:
    import msgspec

    from vops.cli.output import chosen, emit, emit_lines
    from vops.operations.runbook_list import runbook_rows
    from vops.render.runbooks_table import list_lines

    options: Globals = context.obj
    rows = runbook_rows()
    if chosen(options.output, ("text", "json")) == "json":
        emit(msgspec.json.encode(rows))
    else:
        emit_lines(list_lines(rows), no_color=options.no_color)


@group.command("show", help="What a runbook does, wants to know and needs to be allowed. -o text|yaml (its file)")
def show(
    context: typer.Context, name: Annotated[str, typer.Argument(help="a name (vops runbook list) or a file")]
) -> None:
    from vops.cli.output import chosen, emit
    from vops.library import read_runbook_file
    from vops.runbooks.describe import described
    from vops.runbooks.script import load_script

    options: Globals = context.obj
    text, path = read_runbook_file(name)
    yaml = chosen(options.output, ("text", "yaml")) == "yaml"
    emit(text if yaml else described(load_script(text, path).runbook))


LINT_FORMATS = ("text", "json", "github", "codequality")
LINT_HELP = f"Check runbooks before they are needed; without names, all that vops finds. -o {'|'.join(LINT_FORMATS)}"


@group.command("lint", help=LINT_HELP)
def lint(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME|FILE]...", help="names or files")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit 1 for advice too")] = False,
) -> None:
    from vops.cli.diagnostics import ExitCode, narrate, report
    from vops.cli.output import chosen
    from vops.library import runbooks
    from vops.runbooks.advice import advice

    options: Globals = context.obj
    output = chosen(options.output, LINT_FORMATS)
    wanted = names or sorted(runbooks())
    scripts, wrong = _loaded(wanted)
    found = [item for script in scripts for item in advice(script.runbook)]
    _emit_found(output, wrong, found)
    for error in wrong[:-1]:
        report(error)
    if wrong:
        raise wrong[-1]
    valid = "1 runbook is valid" if len(wanted) == 1 else f"{len(wanted)} runbooks are valid"
    narrate(f"{valid}, {len(found)} pieces of advice", quiet=options.quiet)
    if strict and found:
        raise typer.Exit(ExitCode.FINDINGS)


def _emit_found(output: str, wrong: list[VopsError], found: list[Advice]) -> None:
    """What there is to say in one of the formats; faults are told on stderr besides."""
    import msgspec

    from vops.cli.output import emit
    from vops.render.runbook_lint import codequality, github_commands

    if output == "json":
        text = "" if wrong else msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    elif output == "github":
        text = github_commands(wrong, found)
    elif output == "codequality":
        text = codequality(wrong, found)
    else:
        text = "" if wrong else "\n".join(f"{item.path}:{item.line}: {item.message}" for item in found)
    if text:
        emit(text)


def _loaded(names: list[str]) -> tuple[list[Script], list[VopsError]]:
    """The runbooks that are right, and the first fault of each of the others."""
    from vops.errors import UsageError
    from vops.library import read_runbook_file
    from vops.runbooks.script import load_script

    found: list[Script] = []
    wrong: list[VopsError] = []
    for name in names:
        try:
            found.append(load_script(*read_runbook_file(name)))
        except UsageError as error:
            wrong.append(error)
    return found, wrong


@group.command("graph", help="The ways through a runbook, for Mermaid.")
def graph(name: Annotated[str, typer.Argument(help="a name (vops runbook list) or a file")]) -> None:
    from vops.cli.output import emit
    from vops.library import read_runbook_file
    from vops.runbooks.describe import graph as drawn
    from vops.runbooks.script import load_script

    emit(drawn(load_script(*read_runbook_file(name)).runbook))


@group.command("schema", help="The format of runbooks as a JSON Schema, for editors.")
def schema() -> None:
    import msgspec

    from vops.cli.output import emit
    from vops.runbooks.json_schema import runbook_schema

    emit(msgspec.json.format(msgspec.json.encode(runbook_schema()), indent=2))


@group.command("new", help="A runbook to begin with, on stdout: vops runbook new my-fix > my-fix.yaml")
def new(name: Annotated[str, typer.Argument(help="its name, which is its file's too")]) -> None:
    import re

    from vops.cli.output import emit
    from vops.errors import UsageError
    from vops.runbooks.describe import SKELETON

    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise UsageError(f"{name!r} is no name for a runbook", hint="use lower-case words with dashes, as my-fix")
    emit(SKELETON.format(name=name))
