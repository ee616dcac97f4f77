"""`vops doctor`: whether vops can reach, see and change what it needs, and the role that grants what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from vops.cli.options import Globals

if TYPE_CHECKING:
    from vops.model.examination import Examination


def register(app: typer.Typer) -> None:
    app.command("doctor", help="Can vops reach, see and change what it needs? -o text|json")(doctor)


def doctor(context: typer.Context) -> None:
    from vops.cli.diagnostics import ExitCode
    from vops.cli.output import chosen, emit, emit_lines
    from vops.cli.running import run
    from vops.model.examination import Health
    from vops.render.doctor import doctor_json, doctor_lines

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json"))
    found = run(_examined(options))
    if output == "json":
        emit(doctor_json(found))
    else:
        emit_lines(doctor_lines(found), no_color=options.no_color)
    if found.worst is Health.FAILED:
        unreachable = found.checks[0].health is Health.FAILED
        raise typer.Exit(ExitCode.UNREACHABLE if unreachable else ExitCode.REFUSED)


async def _examined(options: Globals) -> Examination:
    from vops.cli.running import settings_of
    from vops.operations.doctor import examine_session
    from vops.operations.session import open_session

    async with open_session(settings_of(options)) as session:
        return await examine_session(session)
