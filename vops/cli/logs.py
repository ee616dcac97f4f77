"""`vops logs` and `vops timeline`: what a server has written, and how long each part of its start took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals

if TYPE_CHECKING:
    from vops.diagnosis.facts import Replica
    from vops.model.snapshot import ContainerLog

TARGET = typer.Argument(metavar="TARGET", help="POD, deploy/NAME or sts/NAME")


def register(app: typer.Typer) -> None:
    app.command("logs", help="A server's log, scrubbed, with what repeats folded. -o text|raw")(logs)
    app.command("timeline", help="How long each part of a start took. -o text|json")(timeline)


def logs(
    context: typer.Context,
    target: Annotated[str, TARGET],
    previous: Annotated[bool, typer.Option("--previous", "-p", help="of the instance before the last restart")] = False,
    phase: Annotated[bool, typer.Option("--phase", help="a heading where each phase of the start begins")] = False,
) -> None:
    from vops.cli.output import chosen, emit, emit_lines
    from vops.cli.running import run
    from vops.render.logs import folded_log
    from vops.render.text import Line, Span, Tone, line

    options: Globals = context.obj
    output = chosen(options.output, ("text", "raw"))
    found = run(_logs(options, target, previous=previous))
    if output == "raw":
        emit("\n".join(log.text.rstrip("\n") for log in found))
        return
    lines: list[Line] = []
    for log in found:
        if len(found) > 1:
            lines.append(line(Span(f"{log.namespace}/{log.pod} {log.container}", Tone.STRONG)))
        lines += folded_log(log.text, phases=phase)
    emit_lines(lines, no_color=options.no_color)


def timeline(context: typer.Context, target: Annotated[str, TARGET]) -> None:
    import msgspec

    from vops.cli.output import chosen, emit, emit_lines
    from vops.cli.running import run
    from vops.render.replica import load_lines, load_steps
    from vops.render.text import Line, Span, Tone, line

    options: Globals = context.obj
    output = chosen(options.output, ("text", "json"))
    found = run(_replicas(options, target))
    if output == "json":
        document = [
            {
                "namespace": replica.namespace,
                "pod": replica.name,
                "steps": [step._asdict() for step in load_steps(replica)],
            }
            for replica in found
        ]
        emit(msgspec.json.format(msgspec.json.encode(document), indent=2))
        return
    lines: list[Line] = []
    for replica in found:
        lines.append(line(Span(f"{replica.namespace}/{replica.name}", Tone.STRONG), f"  {replica.state}"))
        lines += load_lines(replica)
    emit_lines(lines, no_color=options.no_color)


async def _logs(options: Globals, target: str, *, previous: bool) -> tuple[ContainerLog, ...]:
    from vops.cli.running import settings_of
    from vops.operations.logs import logs_of
    from vops.operations.session import open_session

    async with open_session(settings_of(options)) as session:
        return await logs_of(session, target, previous=previous)


async def _replicas(options: Globals, text: str) -> list[Replica]:
    from vops.cli.running import settings_of
    from vops.diagnosis.facts import Facts
    from vops.operations.observation.observe import observe
    from vops.operations.observation.targets import locate, parse_one
    from vops.operations.session import open_session

    target = parse_one(text, "name one POD, deploy/NAME or sts/NAME")
    async with open_session(settings_of(options)) as session:
        ref = await locate(session, target)
        facts = Facts(await observe(session, target=ref, metrics=False, related=False))
    if ref.kind != "Pod":
        workload = facts.workload(ref.kind, ref.namespace, ref.name)
        return list(workload.replicas) if workload else []
    found = facts.replica(ref.namespace, ref.name)
    return [] if found is None else [found]
