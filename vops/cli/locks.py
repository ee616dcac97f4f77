"""`vops locks`: who is changing what, and how to break the lock of a run that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals
from vops.cli.runs import CONFIRM, YES

if TYPE_CHECKING:
    from vops.cli.carrying import Terms
    from vops.model.leases import HeldLock

group = typer.Typer(help="Who is changing what now. -o text|json", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="locks")


@group.callback()
def locks(context: typer.Context) -> None:
    if context.invoked_subcommand is not None:
        return
    import msgspec

    from vops.cli.diagnostics import narrate
    from vops.cli.output import chosen, emit, emit_lines
    from vops.cli.running import run
    from vops.model.quantities import format_duration
    from vops.render.text import Span, Tone, columns

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json"))
    found = run(_held(options))
    if output == "json":
        emit(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    if not found:
        narrate("no locks: nothing is being changed", quiet=options.quiet)
        return
    rows = [
        (
            Span(lock.namespace),
            Span(lock.name, Tone.ACCENT),
            Span(lock.holder),
            Span("–" if lock.age_s is None else f"{format_duration(max(0, lock.age_s))} ago"),
            Span("expired" if lock.expired else "held", Tone.DIM if lock.expired else Tone.WARN),
        )
        for lock in found
    ]
    emit_lines(columns(("NAMESPACE", "LOCK", "HOLDER", "RENEWED", "STATE"), rows), no_color=options.no_color)


@group.command("break", help="Delete the lock on a target whose run is gone.")
def break_(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="deploy/NAME, sts/NAME or POD")],
    reason: Annotated[str, typer.Option(help="why; the journal keeps it")],
    yes: Annotated[bool, YES] = False,
    confirm: Annotated[list[str] | None, CONFIRM] = None,
) -> None:
    from vops.cli.carrying import Terms, parameters
    from vops.cli.running import run

    options: Globals = context.obj
    run(_break(options, target, reason, Terms(yes, parameters(confirm or []))))


async def _held(options: Globals) -> tuple[HeldLock, ...]:
    from vops.cli.running import settings_of
    from vops.operations.running.lock_list import held_locks
    from vops.operations.session import open_session

    async with open_session(settings_of(options)) as session:
        return await held_locks(session)


async def _break(options: Globals, target: str, reason: str, terms: Terms) -> None:
    from vops.cli.carrying import carry_out, show_plan
    from vops.cli.running import settings_of
    from vops.operations.running.lock_list import plan_break
    from vops.operations.session import open_session

    async with open_session(settings_of(options)) as session:
        plan = await plan_break(session, target, reason)
        show_plan(plan, options)
        await carry_out(session, plan, options, terms)
