"""Runs as rows: when, which runbook, on what, how far it got and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from vops.planning.events import StepState
from vops.render import units
from vops.render.cells import Cell, Column
from vops.render.runs import RunStory
from vops.render.text import Line, Span, Tone, line


class RunRow(msgspec.Struct, frozen=True):
    """One run of this machine."""

    run: str
    title: str
    runbook: str
    context: str
    targets: tuple[str, ...]
    done: int
    steps: int
    outcome: str
    """Empty for a run that was interrupted, or still goes on."""
    error: str
    ended_well: bool
    age_s: float | None

    @property
    def key(self) -> str:
        return self.run

    @property
    def dim(self) -> bool:
        return False

    @property
    def remark(self) -> Span | None:
        return None


def run_table_rows(stories: Iterable[RunStory], now: datetime) -> list[RunRow]:
    """A row for each run, in the order given."""
    return [_row(story, now) for story in stories]


def _row(story: RunStory, now: datetime) -> RunRow:
    plan = story.plan
    return RunRow(
        run=story.run,
        title=plan.title,
        runbook=plan.runbook,
        context=plan.cluster.context,
        targets=tuple(f"{ref.kind.lower()}/{ref.name}" for ref in plan.locks),
        done=sum(step.state in (StepState.DONE, StepState.SKIPPED) for step in story.steps),
        steps=len(story.steps),
        outcome=story.outcome,
        error=story.error,
        ended_well=story.ended_well,
        age_s=units.age_s(story.started_at, now),
    )


def run_line(row: RunRow) -> Line:
    """One run in a sentence, and what stopped it."""
    error = (Span(f"  {row.error}", Tone.WARN),) if row.error else ()
    return line(Span(row.title, Tone.STRONG), Span(f"  {row.run}", Tone.DIM), *error)


def _ended(row: RunRow) -> Cell:
    if not row.outcome:
        return Cell("◐ interrupted", Tone.WARN)
    if row.outcome == "waiting":
        return Cell(f"▲ {row.outcome}", Tone.WARN)
    return Cell(f"✓ {row.outcome}", Tone.GOOD) if row.ended_well else Cell(f"✗ {row.outcome}", Tone.BAD)


RUN_COLUMNS: tuple[Column[RunRow], ...] = (
    Column(
        "started", "STARTED", 8, lambda row: Cell(units.duration(row.age_s), Tone.DIM), lambda row: row.age_s,
        right=True, about="how long ago it began",
    ),
    Column(
        "runbook", "RUNBOOK", 16, lambda row: Cell(row.runbook, Tone.STRONG), lambda row: row.runbook, limit=30,
        about="what was run",
    ),
    Column(
        "target", "TARGET", 16, lambda row: Cell(", ".join(row.targets) or "–"), lambda row: row.targets or None,
        limit=50, keep_end=True, about="what it held while it ran",
    ),
    Column(
        "context", "CONTEXT", 9, lambda row: Cell(row.context, Tone.DIM), lambda row: row.context, limit=24, rank=4,
        about="the cluster",
    ),
    Column(
        "steps", "STEPS", 6, lambda row: Cell(f"{row.done}/{row.steps}"), lambda row: row.done, right=True, rank=3,
        about="how many are done",
    ),
    Column("ended", "ENDED", 13, _ended, lambda row: row.outcome, rank=1, about="how it ended"),
    Column(
        "run", "RUN", 22, lambda row: Cell(row.run, Tone.ACCENT), lambda row: row.run, rank=2,
        about="its id, as vops undo and vops resume take it",
    ),
)  # fmt: skip
