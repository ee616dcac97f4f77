"""What every command that applies a plan shares: showing it, asking, telling what happens, and the ending."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

from vops.cli.diagnostics import ExitCode, narrate
from vops.cli.options import Globals
from vops.errors import ApprovalNeeded, UsageError

if TYPE_CHECKING:
    from vops.operations.run import RunResult
    from vops.operations.session import Session
    from vops.planning.plan import Plan
    from vops.runbooks.events import Question, RunEvent


def parameters(pairs: list[str]) -> dict[str, str]:
    """`name=value` pairs as given with -p. Raises UsageError for one without a name or an equals sign."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"parameter {pair!r} is not NAME=VALUE", hint="for example -p max_model_len=4096")
        found[name] = value
    return found


def show_plan(plan: Plan, options: Globals) -> None:
    from vops.cli.output import emit_lines
    from vops.render.plan import plan_lines

    emit_lines(plan_lines(plan), no_color=options.no_color)


async def carry_out(session: Session, plan: Plan, options: Globals, *, yes: bool) -> None:
    """Applies `plan` and tells how it went; ends the process with the code of its outcome if that is not 0."""
    from vops.operations.run import run_plan

    async def approve(question: Question) -> bool:
        return await _agreed(question, yes=yes)

    def progress(event: RunEvent) -> None:
        step = f" {event.step}" if event.step else ""
        narrate(f"{event.at:%H:%M:%S}{step} {event.state} {event.message}".rstrip(), quiet=options.quiet)

    result = await run_plan(session, plan, approve=approve, progress=progress)
    _conclude(result)


async def _agreed(question: Question, *, yes: bool) -> bool:
    """`--yes` answers confirmations only; what needs more needs a person at a terminal."""
    from vops.planning.plan import Gate

    if question.gate is Gate.CONFIRM and yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ApprovalNeeded(
            f"{question.title}\n{question.text}".strip(),
            hint="add --yes" if question.gate is Gate.CONFIRM else "do what it says, or give the parameter it asks for",
        )
    narrate(question.text)
    return await asyncio.to_thread(typer.confirm, question.title, default=False, err=True)


def _conclude(result: RunResult) -> None:
    from vops.cli.output import emit

    verdict = f": {result.verification.summary}" if result.verification else ""
    emit(f"{result.outcome}{verdict}")
    if result.journal:
        narrate(f"journal: {result.journal}")
    result.raise_for_outcome()


def pending(plan: Plan, *, detailed: bool) -> None:
    """Ends a dry run: exit 3 for a plan with changes where `--detailed-exitcode` asks for it."""
    if detailed and plan.changes:
        raise typer.Exit(ExitCode.CHANGES_PENDING)
