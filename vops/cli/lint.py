"""`vops lint`: manifests checked before they are applied, from files, a pipe or a cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals
from vops.errors import InputError, UsageError

if TYPE_CHECKING:
    from vops.diagnosis.facts import Facts
    from vops.diagnosis.findings import Severity
    from vops.manifests.lint import LintReport
    from vops.render.text import Line
    from vops.settings import Settings

FORMATS = ("text", "json", "sarif", "junit", "github")


def register(app: typer.Typer) -> None:
    app.command("lint", help=f"Manifests checked before they are applied. -o {'|'.join(FORMATS)}")(lint)


def lint(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH|-|TARGET", help="files, folders, - for stdin (passed on to a pipe when fine), deploy/NAME"
        ),
    ] = None,
    fail_on: Annotated[str, typer.Option(metavar="info|warning|error", help="exit 1 from this severity on")] = "error",
    cluster: Annotated[
        bool, typer.Option("--cluster", help="also ask whether nodes of the current context would take the pods")
    ] = False,
    severity: Annotated[
        str, typer.Option(metavar="info|warning|error", help="show findings from this severity on")
    ] = "warning",
) -> None:
    from vops.cli.diagnostics import ExitCode
    from vops.cli.output import chosen
    from vops.render.lint import at_least

    options: Globals = context.obj
    output = chosen(options.output, FORMATS)
    threshold, least = _severity("--fail-on", fail_on), _severity("--severity", severity)
    if not paths:
        raise UsageError("nothing to lint", hint="name files or folders, - for standard input, or deploy/NAME")
    stdin = sys.stdin.buffer.read() if "-" in paths else None
    whole = _report(options, paths, stdin, cluster=cluster)
    report = at_least(whole, min(threshold, least, key=lambda item: item.rank))
    failed = report.worst >= threshold.rank
    if stdin is not None and not options.output and not sys.stdout.isatty():
        _pass_on(report, stdin, failed=failed, options=options)
    else:
        _print(report, output, threshold, options, hidden=len(whole.findings) - len(report.findings))
    if failed:
        raise typer.Exit(ExitCode.FINDINGS)


def _severity(option: str, text: str) -> Severity:
    from vops.diagnosis.findings import Severity

    try:
        return Severity(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r} is not a severity", hint="use info, warning or error") from error


def _report(options: Globals, words: list[str], stdin: bytes | None, *, cluster: bool) -> LintReport:
    """From a cluster when all words are targets, else from files and standard input."""
    from vops.cli.diagnostics import narrate
    from vops.cli.running import run, settings_of
    from vops.operations.lint import lint_files

    targets = [word for word in words if _is_target(word)]
    if targets and len(targets) < len(words):
        raise UsageError("files and live objects cannot be linted together", hint="lint them one after the other")
    if targets:
        return run(_live(settings_of(options), targets))
    facts = run(_facts(settings_of(options))) if cluster else None
    report, left_out = lint_files([Path(word) for word in words if word != "-"], stdin, facts)
    for text in left_out:
        narrate(f"vops: {text}", quiet=options.quiet)
    return report


async def _live(settings: Settings, targets: list[str]) -> LintReport:
    from vops.operations.lint import lint_targets
    from vops.operations.session import open_session

    async with open_session(settings) as session:
        return await lint_targets(session, targets)


async def _facts(settings: Settings) -> Facts:
    from vops.operations.lint import cluster_facts
    from vops.operations.session import open_session

    async with open_session(settings) as session:
        return await cluster_facts(session)


def _is_target(word: str) -> bool:
    """`KIND/NAME` that is no file. Raises InputError for what looks like a file and is not there."""
    if word == "-" or Path(word).exists():
        return False
    if word.count("/") == 1 and not word.startswith((".", "/")) and "." not in word.rpartition("/")[2]:
        return True
    raise InputError("no such file or folder", path=word, hint="a live object is named as deploy/NAME")


def _pass_on(report: LintReport, stdin: bytes, *, failed: bool, options: Globals) -> None:
    """In the middle of a pipe: findings to stderr, and the manifests, unchanged, to stdout when they may be applied."""
    from vops.cli.diagnostics import narrate
    from vops.render.lint import lint_lines
    from vops.render.text import plain

    if report.findings:
        narrate(plain(lint_lines(report)).rstrip("\n"), quiet=options.quiet and not failed)
    if failed:
        narrate("vops: nothing is passed on", quiet=options.quiet)
        return
    sys.stdout.buffer.write(stdin)
    sys.stdout.buffer.flush()


def _print(report: LintReport, output: str, threshold: Severity, options: Globals, *, hidden: int) -> None:
    from vops.cli.output import emit, emit_lines
    from vops.manifests.rule import discover
    from vops.render import lint as render
    from vops.render import lint_ci

    match output:
        case "json":
            emit(render.lint_json(report))
        case "sarif":
            emit(lint_ci.lint_sarif(report, discover()))
        case "junit":
            emit(lint_ci.lint_junit(report, threshold))
        case "github":
            emit(lint_ci.lint_github(report))
        case _:
            lines: list[Line] = render.lint_lines(report, hidden)
            emit_lines(lines, no_color=options.no_color)
