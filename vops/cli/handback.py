"""`vops handback`: once the repository carries a change, vops gives up the fields that it owns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals
from vops.cli.runs import CONFIRM, REPORT, YES

if TYPE_CHECKING:
    from vops.cli.carrying import Terms
    from vops.operations.running.runs import PastRun

RUN_ID = r"\d{8}-\d{6}-[0-9a-f]+"


def register(app: typer.Typer) -> None:
    text = "Give up what vops owns, once the repository carries the change. -o text|json|yaml"
    app.command("handback", help=text)(handback)


def handback(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="TARGET|RUN", help="deploy/NAME, sts/NAME, or a run's id")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what vops owns and change nothing")] = False,
    yes: Annotated[bool, YES] = False,
    confirm: Annotated[list[str] | None, CONFIRM] = None,
    report: Annotated[list[str] | None, REPORT] = None,
) -> None:
    from vops.cli.carrying import Terms, parameters
    from vops.cli.output import chosen
    from vops.cli.reporting import reports
    from vops.cli.running import run

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json", "yaml"))
    terms = Terms(yes, parameters(confirm or []), reports(report or []))
    run(_handback(options, _subject(options, subject), output, terms, dry_run=dry_run or output == "yaml"))


def _subject(options: Globals, text: str) -> PastRun | str:
    """The run of that id, or the target. Raises UsageError for a run that this machine does not know."""
    import re

    from vops.cli.running import settings_of
    from vops.errors import UsageError
    from vops.operations.running.runs import past_run

    if not re.fullmatch(RUN_ID, text):
        return text
    try:
        return past_run(settings_of(options).state_path, text)
    except UsageError as error:
        raise UsageError(error.message, hint="name the object instead: vops handback deploy/NAME") from error


async def _handback(options: Globals, subject: PastRun | str, output: str, terms: Terms, *, dry_run: bool) -> None:
    from vops.cli.carrying import carry_out, present_plan
    from vops.cli.running import settings_of
    from vops.operations.running.handback import plan_handback
    from vops.operations.session import open_session

    async with open_session(settings_of(options)) as session:
        plan = await plan_handback(session, subject)
        present_plan(plan, options, output)
        if not dry_run:
            await carry_out(session, plan, options, terms)
