"""`vops diagnose`: why something does not serve, from a cluster or from files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals
from vops.errors import UsageError

if TYPE_CHECKING:
    from vops.diagnosis.findings import Report, Severity
    from vops.settings import Settings

FORMATS = ("text", "json", "yaml", "md", "junit")


def register(app: typer.Typer) -> None:
    app.command("diagnose", help=f"Why a pod or workload does not serve, with evidence. -o {'|'.join(FORMATS)}")(
        diagnose
    )


def diagnose(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET", help="POD, deploy/NAME, sts/NAME, ns/NAME or all; or - for stdin"),
    ] = None,
    bundle: Annotated[
        list[Path] | None, typer.Option("--from", metavar="PATH", help="read files or folders instead of a cluster")
    ] = None,
    fail_on: Annotated[str, typer.Option(metavar="info|warning|error", help="exit 1 from this severity on")] = "error",
) -> None:
    from vops.cli.diagnostics import ExitCode
    from vops.cli.output import chosen

    options: Globals = context.obj
    output = chosen(options.output, FORMATS)
    threshold = _severity(fail_on)
    reports = _reports(options, targets or [], bundle or [])
    _print(reports, output, threshold, options)
    worst = max((finding.severity.rank for report in reports for finding in report.findings), default=-1)
    if worst >= threshold.rank:
        raise typer.Exit(ExitCode.FINDINGS)


def _severity(text: str) -> Severity:
    from vops.diagnosis.findings import Severity

    try:
        return Severity(text)
    except ValueError as error:
        raise UsageError(f"--fail-on {text!r} is not a severity", hint="use info, warning or error") from error


def _reports(options: Globals, targets: list[str], bundle: list[Path]) -> list[Report]:
    """From files when there are any (`--from PATH…`, or `-`), else from the cluster."""
    if bundle or targets == ["-"]:
        extra = [Path(text) for text in targets if text != "-"]
        return _offline(options, [*bundle, *extra], stdin=targets == ["-"] or Path("-") in bundle)
    if not targets:
        raise UsageError("nothing to diagnose", hint="name a POD, deploy/NAME or `all`; `vops fleet` lists replicas")
    from vops.cli.running import run, settings_of

    return run(_live(settings_of(options), targets))


async def _live(settings: Settings, targets: list[str]) -> list[Report]:
    from vops.operations.diagnose import diagnose_targets
    from vops.operations.session import open_session

    async with open_session(settings) as session:
        return await diagnose_targets(session, targets)


def _offline(options: Globals, paths: list[Path], *, stdin: bool) -> list[Report]:
    from vops.cli.diagnostics import narrate
    from vops.operations.bundle import diagnose_bundle

    found = [path for path in paths if path != Path("-")]
    reports, problems = diagnose_bundle(found, sys.stdin.buffer.read() if stdin else None)
    for problem in problems:
        narrate(f"vops: {problem}", quiet=options.quiet)
    return reports


def _print(reports: list[Report], output: str, threshold: Severity, options: Globals) -> None:
    from vops.cli.output import emit, emit_lines
    from vops.render import report as render
    from vops.render.text import Line, line

    match output:
        case "json":
            emit(render.report_json(reports))
        case "yaml":
            emit(render.report_yaml(reports))
        case "md":
            emit(render.report_markdown(reports))
        case "junit":
            emit(render.report_junit(reports, threshold))
        case _:
            lines: list[Line] = []
            for index, report in enumerate(reports):
                lines += [line("")] if index else []
                lines += render.report_lines(report)
            emit_lines(lines, no_color=options.no_color)
