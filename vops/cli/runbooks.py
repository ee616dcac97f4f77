"""`vops run` and `vops runbook`: runbooks by name or file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals
from vops.cli.runs import CONFIRM, REPORT

if TYPE_CHECKING:
    from vops.cli.carrying import Terms

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
) -> None:
    from vops.cli.carrying import Terms, parameters
    from vops.cli.output import chosen
    from vops.cli.reporting import reports
    from vops.cli.running import run as run_to_end

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json", "yaml"))
    only_plan = dry_run or plan_out is not None or output == "yaml"
    terms = Terms(yes, parameters(confirm or []), reports(report or []))
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
    from vops.operations.run import plan_run
    from vops.operations.session import open_session

    async with open_session(settings_of(options)) as session:
        plan = await plan_run(session, runbook, values)
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
    from vops.library import read_runbook_file, runbooks
    from vops.render.text import Span, Tone, columns
    from vops.runbooks.schema import read_runbook

    options: Globals = context.obj
    heads = {name: read_runbook(*read_runbook_file(name)).head for name in sorted(runbooks())}
    if chosen(options.output, ("text", "json")) == "json":
        emit(
            msgspec.json.encode(
                [{"name": name, "title": head.title, "risk": head.risk} for name, head in heads.items()]
            )
        )
        return
    rows = [(Span(name, Tone.ACCENT), Span(head.title), Span(str(head.risk))) for name, head in heads.items()]
    emit_lines(columns(("RUNBOOK", "WHAT IT DOES", "RISK"), rows), no_color=options.no_color)


@group.command("show", help="A runbook's text.")
def show(name: Annotated[str, typer.Argument(help="a name (vops runbook list) or a file")]) -> None:
    from vops.cli.output import emit
    from vops.library import read_runbook_file

    emit(read_runbook_file(name)[0])
