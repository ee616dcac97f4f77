"""What `vops fleet` does, whoever has read its command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.cli.options import Globals

if TYPE_CHECKING:
    from vops.diagnosis.facts import Facts
    from vops.model.snapshot import ClusterSnapshot
    from vops.operations.session import Session
    from vops.settings import Settings

FORMATS = ("table", "wide", "json", "jsonl", "csv")
GLANCE_S = 0.75
"""Between the two scrapes that rates come from: less than a diagnosis takes, as somebody waits for the table."""


def show(options: Globals, *, watch: bool = False, selector: str = "") -> None:
    """Prints the fleet in the format asked for; with `watch` until interrupted."""
    from vops.cli.output import chosen
    from vops.cli.running import run, settings_of

    output = chosen(options.output, FORMATS)
    settings = settings_of(options)
    run(_watch(options, settings, output, selector) if watch else _once(options, settings, output, selector))


def print_snapshot(options: Globals, snapshot: ClusterSnapshot) -> None:
    """Prints the fleet of an instant that was kept."""
    from vops.cli.output import chosen
    from vops.diagnosis.facts import Facts

    _print(options, Facts(snapshot), chosen(options.output, FORMATS))


async def _once(options: Globals, settings: Settings, output: str, selector: str) -> None:
    from vops.cli.diagnostics import narrate
    from vops.diagnosis.facts import Facts
    from vops.model.snapshot import Source
    from vops.operations.observation.observe import observe
    from vops.operations.session import open_session

    async with open_session(settings) as session:
        looking = observe(
            session, namespace=settings.namespace, selector=selector, logs=False, related=False, window_s=GLANCE_S
        )
        facts = Facts(await looking)
        _print(options, facts, output)
        await _say_pauses(options, session, facts.snapshot)
        if not facts.replicas:
            _say_where(options, facts, settings)
        elif told := facts.snapshot.source(Source.METRICS).detail:
            narrate(f"metrics: {told}", quiet=options.quiet)


async def _watch(options: Globals, settings: Settings, output: str, selector: str) -> None:
    """A table per second in which something changed; nothing is redrawn, so that it can be piped."""
    import asyncio

    from vops.diagnosis.facts import Facts
    from vops.operations.observation.observe import Observer
    from vops.operations.session import open_session

    async with open_session(settings) as session:
        observer = Observer(session, namespace=settings.namespace, selector=selector)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(observer.run())
            revision = 0
            while True:
                revision = await observer.wait(revision)
                _print(options, Facts(observer.snapshot()), output)
                await session.clock.sleep(1)


def _print(options: Globals, facts: Facts, output: str) -> None:
    from vops.cli.output import emit, emit_lines
    from vops.render import fleet as render

    match output:
        case "json":
            emit(render.fleet_json(facts))
        case "jsonl":
            emit(render.fleet_jsonl(facts))
        case "csv":
            emit(render.fleet_csv(facts))
        case _:
            emit_lines(render.fleet_lines(facts, wide=output == "wide"), no_color=options.no_color)


async def _say_pauses(options: Globals, session: Session, snapshot: ClusterSnapshot) -> None:
    """What a run has paused and not let go on again."""
    from vops.cli.diagnostics import narrate
    from vops.operations.running.pauses import standing_pauses

    for pause in await standing_pauses(session, (*snapshot.deployments, *snapshot.statefulsets)):
        if pause.is_left:
            narrate(f"{pause}\n  next: {pause.next_step}", quiet=options.quiet)


def _say_where(options: Globals, facts: Facts, settings: Settings) -> None:
    """Nothing found is not an error, but must not look like a healthy empty table either."""
    from vops.cli.diagnostics import narrate

    place = f"namespace {settings.namespace}" if settings.namespace else "any namespace"
    narrate(
        f"no vLLM pods in {place} of context {facts.snapshot.context}\n"
        "  next: look elsewhere with -A, -n NAMESPACE or --context NAME, or see a fleet with vops --lab healthy",
        quiet=options.quiet,
    )
