"""`vops load`: a bounded load on an OpenAI endpoint, to see how it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals

if TYPE_CHECKING:
    from vops.model.load import LoadResult
    from vops.runbooks.load import Load


def register(app: typer.Typer) -> None:
    app.command("load", help="Put a target's servers under a small, bounded load and measure. -o text|json")(load)


def load(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="POD, deploy/NAME or sts/NAME")],
    concurrency: Annotated[int, typer.Option(help="requests at a time, 64 at most")] = 4,
    duration: Annotated[str, typer.Option(help="for how long, such as 30s; 15m at most")] = "30s",
    max_tokens: Annotated[int, typer.Option(help="tokens that the longer half of the requests ask for", min=1)] = 32,
    model: Annotated[str, typer.Option(help="the model's name; the server is asked unless given")] = "",
) -> None:
    import msgspec

    from vops.cli.output import chosen, emit, emit_lines
    from vops.cli.running import run
    from vops.errors import UsageError
    from vops.render.load import load_lines
    from vops.runbooks.load import Load
    from vops.runbooks.params import seconds

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json"))
    try:
        wanted = Load(concurrency, seconds(duration), max_tokens=max_tokens, model=model)
    except ValueError as error:
        raise UsageError(f"--duration {error}") from error
    found = run(_load(options, target, wanted))
    if output == "json":
        emit(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        emit_lines(load_lines(found), no_color=options.no_color)


async def _load(options: Globals, target: str, wanted: Load) -> LoadResult:
    from vops.cli.running import settings_of
    from vops.operations.load import load_target
    from vops.operations.session import open_session

    async with open_session(settings_of(options)) as session:
        return await load_target(session, target, wanted)
