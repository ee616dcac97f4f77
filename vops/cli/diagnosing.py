"""What `vops diagnose` does, whoever has read its command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vops.cli.diagnostics import ExitCode
from vops.cli.options import Globals
from vops.errors import UsageError

if TYPE_CHECKING:
    from vops.diagnosis.findings import Report, Severity
    from vops.settings import Settings

FORMATS = ("text", "json", "yaml", "md", "junit")
_FOR_PROGRAMS = ("json", "yaml")
FAIL_ON = "error"


def diagnose(options: Globals, targets: Sequence[str], bundle: Sequence[Path] = (), fail_on: str = FAIL_ON) -> ExitCode:
    """Prints a report for each target, or for each subject of a bundle; FINDINGS when one is as severe as `fail_on`."""
    from vops.cli.output import chosen

    output = chosen(options.output, FORMATS)
    threshold = _severity(fail_on)
    reports = _reports(options, targets, bundle, patches=output in _FOR_PROGRAMS)
    _print(reports, output, threshold, options)
    worst = max((finding.severity.rank for report in reports for finding in report.findings), default=-1)
    return ExitCode.FINDINGS if worst >= threshold.rank else ExitCode.OK


def _severity(text: str) -> Severity:
    from vops.diagnosis.findings import Severity

    try:
        return Severity(text)
    except ValueError as error:
        raise UsageError(f"--fail-on {text!r} is not a severity", hint="use info, warning or error") from error


def _reports(options: Globals, targets: Sequence[str], bundle: Sequence[Path], *, patches: bool) -> list[Report]:
    """From files when there are any (`--from PATH…`, or `-`), else from the cluster."""
    if bundle or list(targets) == ["-"]:
        extra = [Path(text) for text in targets if text != "-"]
        return _offline(
            options, [*bundle, *extra], stdin=list(targets) == ["-"] or Path("-") in bundle, patches=patches
        )
    if not targets:
        raise UsageError("nothing to diagnose", hint="name a POD, deploy/NAME or `all`; `vops fleet` lists replicas")
    from vops.cli.running import run, settings_of

    return run(_live(options, settings_of(options), targets, patches=patches))


async def _live(options: Globals, settings: Settings, targets: Sequence[str], *, patches: bool) -> list[Report]:
    from vops.cli.diagnostics import narrate
    from vops.operations.diagnose import diagnose_targets
    from vops.operations.session import open_session

    async with open_session(settings) as session:
        return await diagnose_targets(
            session, targets, patches=patches, tell=lambda text: narrate(f"vops: {text}", quiet=options.quiet)
        )


def _offline(options: Globals, paths: list[Path], *, stdin: bool, patches: bool) -> list[Report]:
    from vops.cli.diagnostics import narrate
    from vops.operations.intake.bundle import diagnose_bundle
    from vops.operations.intake.bundle_files import read_stdin

    found = [path for path in paths if path != Path("-")]
    reports, problems = diagnose_bundle(found, read_stdin(sys.stdin.buffer) if stdin else None, patches=patches)
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
                lines += render.report_lines(report, whole=options.verbose)
            emit_lines(lines, no_color=options.no_color)
