"""`vops snapshot`: one instant of a cluster as JSON, to diagnose again anywhere."""

from __future__ import annotations

from pathlib import Path

import typer

from vops.cli.options import Globals


def register(app: typer.Typer) -> None:
    app.command("snapshot", help="Everything vops observes, as JSON; -o FILE writes it to a file.")(snapshot)


def snapshot(context: typer.Context) -> None:
    from vops.cli.output import emit, write_file
    from vops.cli.running import run

    options: Globals = context.obj
    data = run(_observed(options))
    if options.output:
        write_file(Path(options.output), data, "-o FILE")
    else:
        emit(data)


async def _observed(options: Globals) -> bytes:
    from vops.cli.running import settings_of
    from vops.operations.observation.observe import observe
    from vops.operations.session import open_session

    settings = settings_of(options)
    async with open_session(settings) as session:
        return (await observe(session, namespace=settings.namespace)).to_json()
