"""`vops record` and `vops replay`: an incident as a file, and the TUI on it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals
from vops.errors import UsageError

if TYPE_CHECKING:
    from vops.operations.recording import Recorder


def register(app: typer.Typer) -> None:
    app.command("record", help="Keep what vops observes in a file, until interrupted. -o FILE names it")(record)
    app.command("replay", help="The TUI on a recording: ← and → go through it. Without a terminal: its last fleet")(
        replay
    )


def record(
    context: typer.Context,
    every: Annotated[str, typer.Option(metavar="DURATION", help="time between two instants")] = "5s",
    duration: Annotated[str, typer.Option("--for", metavar="DURATION", help="end by itself after this long")] = "",
) -> None:
    from datetime import UTC, datetime

    from vops.cli.diagnostics import narrate
    from vops.cli.output import emit
    from vops.cli.running import run

    options: Globals = context.obj
    path = Path(options.output or f"vops-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.rec")
    every_s = _seconds(every, "--every")
    duration_s = _seconds(duration, "--for") if duration else None
    narrate(f"recording into {path}; ctrl-c ends it, vops replay {path} shows it", quiet=options.quiet)
    recorder = run(_recorded(options, path, every_s, duration_s))
    narrate(f"{recorder.frames} instants, {recorder.size / 1024:.0f} KiB", quiet=options.quiet)
    emit(str(path))


def _seconds(text: str, option: str) -> float:
    """A duration of at least a tenth of a second. Raises UsageError."""
    from vops.model.quantities import duration_s

    try:
        seconds = duration_s(text)
    except ValueError as error:
        raise UsageError(f"{option} {text} is no duration", hint="write it as 5s, 2m or 1h") from error
    if seconds < 0.1:
        raise UsageError(f"{option} {text} is too short", hint="at least 0.1s")
    return seconds


async def _recorded(options: Globals, path: Path, every_s: float, duration_s: float | None) -> Recorder:
    from vops.cli.diagnostics import narrate
    from vops.cli.running import settings_of
    from vops.operations.record import record as keep
    from vops.operations.session import open_session

    def told(recorder: Recorder) -> None:
        if recorder.frames % 12 == 0:
            narrate(f"{recorder.frames} instants, {recorder.size / 1024:.0f} KiB", quiet=options.quiet)

    settings = settings_of(options)
    async with open_session(settings) as session:
        return await keep(
            session, path, namespace=settings.namespace, every_s=every_s, duration_s=duration_s, told=told
        )


def replay(context: typer.Context, file: Annotated[str, typer.Argument(metavar="FILE", help="a recording")]) -> None:
    from vops.cli.running import settings_of
    from vops.operations.recording import read_recording

    options: Globals = context.obj
    frames = read_recording(Path(file))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        from vops.cli.listing import print_snapshot

        print_snapshot(options, frames[-1].snapshot)
        return
    from vops.tui.app import run_replay

    run_replay(settings_of(options), frames)
