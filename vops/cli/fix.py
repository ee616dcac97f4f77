"""`vops fix`: the fix of what is wrong with a target, planned, shown, applied, verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals
from vops.cli.runs import CONFIRM, PAUSE, REPORT
from vops.errors import ApprovalNeeded

if TYPE_CHECKING:
    from vops.cli.carrying import Terms
    from vops.operations.fix import FixPlan
    from vops.planning.plan import Plan

FORMATS = ("text", "json", "yaml")


def register(app: typer.Typer) -> None:
    app.command("fix", help=f"Plan the fix of a target, show it, apply it, observe again. -o {'|'.join(FORMATS)}")(fix)


def fix(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="POD, deploy/NAME or sts/NAME")],
    cause: Annotated[str, typer.Option(help="fix this finding, not the first")] = "",
    parameter: Annotated[list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="a value of yours")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the plan and change nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="agree to the plan without being asked")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="with --dry-run: exit 3 when something would change")
    ] = False,
    confirm: Annotated[list[str] | None, CONFIRM] = None,
    report: Annotated[list[str] | None, REPORT] = None,
    pause_gitops: Annotated[bool, PAUSE] = False,
) -> None:
    from vops.cli.carrying import Terms, parameters
    from vops.cli.output import chosen
    from vops.cli.reporting import reports
    from vops.cli.running import run

    options: Globals = context.obj
    output = chosen(options.output, FORMATS)
    values = parameters(parameter or [])
    terms = Terms(yes, parameters(confirm or []), reports(report or []), pause_gitops)
    run(_fix(options, target, cause, values, terms, output=output, dry_run=dry_run, detailed=detailed_exitcode))


async def _fix(
    options: Globals,
    text: str,
    cause: str,
    values: dict[str, str],
    terms: Terms,
    *,
    output: str,
    dry_run: bool,
    detailed: bool,
) -> None:
    from dataclasses import replace

    from vops.cli.carrying import carry_out, pending
    from vops.cli.running import settings_of
    from vops.operations.fix import plan_fix
    from vops.operations.observation.targets import locate, parse_one, present
    from vops.operations.running.gitops import with_pause
    from vops.operations.session import open_session

    target = parse_one(text, "fix one POD, deploy/NAME or sts/NAME at a time")
    async with open_session(settings_of(options)) as session:
        planned = await plan_fix(session, await locate(session, target), cause=cause, params=values)
        if planned.plan is not None and terms.pause_gitops:
            planned = replace(planned, plan=await with_pause(session, planned.plan))
        present(planned.report)
        _show(planned, options, output)
        plan = _applicable(planned)
        # A printed patch is for a repository: applying it here as well would be a surprise.
        if plan is None or output == "yaml":
            return
        if dry_run:
            pending(plan, detailed=detailed)
            return
        await carry_out(session, plan, options, terms)


def _show(planned: FixPlan, options: Globals, output: str) -> None:
    from vops.cli.carrying import show_plan
    from vops.cli.output import emit, emit_lines
    from vops.render.plan import plan_document, plan_yaml
    from vops.render.report import report_document, report_lines

    if output == "json":
        emit(plan_document(planned.plan, report_document(planned.report)))
    elif output == "yaml" and planned.plan:
        emit(plan_yaml(planned.plan))
    elif planned.plan:
        show_plan(planned.plan, options)
    else:
        emit_lines(report_lines(planned.report, whole=options.verbose), no_color=options.no_color)


def _applicable(planned: FixPlan) -> Plan | None:
    """The plan; None when nothing is wrong. Raises ApprovalNeeded when only a person can do it."""
    if planned.plan is not None or planned.finding is None:
        return planned.plan
    if planned.fix is None:
        raise ApprovalNeeded(
            f"{planned.finding.cause} has no fix that vops can make: {planned.finding.summary}",
            hint=f"vops explain {planned.finding.rule}",
        )
    raise ApprovalNeeded(
        f"{planned.fix.title}: this is for you to do\n" + "\n".join(f"  - {step}" for step in planned.fix.steps),
        hint="then run vops diagnose again",
    )
