"""`vops lab`: the embedded simulated cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vops.cli.options import DEFAULT_SCENARIO, Globals, known_scenario

group = typer.Typer(help="The embedded lab: a simulated cluster with vLLM on it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="lab")


@group.command("list", help="The scenarios. -o text|json")
def list_scenarios(context: typer.Context) -> None:
    import msgspec

    from vops.cli.output import chosen, emit, emit_lines
    from vops.lab.scenarios import discover
    from vops.render.text import Span, Tone, columns

    options: Globals = context.obj
    scenarios = discover()
    if chosen(options.output, ("text", "json")) == "json":
        emit(msgspec.json.encode([{"name": name, "title": item.title} for name, item in scenarios.items()]))
        return
    rows = [(Span(name, Tone.ACCENT), Span(item.title)) for name, item in scenarios.items()]
    emit_lines(columns(("SCENARIO", "WHAT IT SHOWS"), rows), no_color=options.no_color)


@group.command(help="What a human would conclude from a scenario.")
def show(scenario: Annotated[str, typer.Argument(help="its name; see vops lab list")]) -> None:
    from vops.cli.output import emit
    from vops.lab.scenarios import discover

    emit(discover()[known_scenario(scenario)].conclusion)


@group.command(help="Serve a scenario until interrupted, for kubectl and for vops in other terminals.")
def serve(
    context: typer.Context,
    scenario: Annotated[str, typer.Argument(help="its name; see vops lab list")] = DEFAULT_SCENARIO,
    write_kubeconfig: Annotated[Path, typer.Option(help="where to write a kubeconfig for it")] = Path("lab.kubeconfig"),
    speed: Annotated[float, typer.Option(help="how much faster than real time it runs", min=0.1, max=100)] = 1.0,
) -> None:
    from vops.cli.running import run

    options: Globals = context.obj
    run(_serve(known_scenario(scenario), write_kubeconfig, speed, quiet=options.quiet))


def _write(path: Path, document: dict[str, object]) -> None:
    """Writes the kubeconfig, which holds a token: readable by its owner only."""
    import msgspec

    from vops.cli.output import write_file

    write_file(path, msgspec.json.format(msgspec.json.encode(document), indent=2), "--write-kubeconfig", private=True)


async def _serve(scenario: str, path: Path, speed: float, *, quiet: bool) -> None:
    import asyncio

    from vops.cli.diagnostics import narrate
    from vops.lab.world import Lab

    lab = await Lab.start(scenario, speed=speed)
    try:
        lab.server.lets_anybody_in = True
        _write(path, lab.kubeconfig())
        narrate(f"scenario {scenario} at {lab.url}\n  next: KUBECONFIG={path} vops    (ctrl-c ends it)", quiet=quiet)
        await asyncio.Event().wait()
    finally:
        await lab.stop()
