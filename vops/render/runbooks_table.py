"""Runbooks as rows: what each does, what it is a fix for, and how much it may cost."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vops.model.text import one_line
from vops.planning.plan import Risk
from vops.render.cells import Cell, Column
from vops.render.text import Line, Span, Tone, columns, line

_RISKS = {Risk.LOW: Tone.GOOD, Risk.MEDIUM: Tone.WARN, Risk.HIGH: Tone.BAD}
_LONGEST = 200


class RunbookRow(msgspec.Struct, frozen=True):
    """One runbook; `fault` is why its file cannot be used, and then nothing else is known but the name."""

    name: str
    title: str = ""
    risk: Risk | None = None
    fixes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    """The parameters that have to be given."""
    fault: str = ""

    @property
    def key(self) -> str:
        return self.name

    @property
    def dim(self) -> bool:
        return False

    @property
    def remark(self) -> Span | None:
        return Span(one_line(self.fault, _LONGEST), Tone.BAD) if self.fault else None


def list_lines(rows: Sequence[RunbookRow]) -> list[Line]:
    """The runbooks as a table without a screen: what each does, or why it cannot be used."""
    cells = [
        (
            Span(row.name, Tone.ACCENT),
            Span(f"✗ {one_line(row.fault, _LONGEST)}", Tone.BAD) if row.fault else Span(row.title),
            Span(str(row.risk or "–")),
        )
        for row in rows
    ]
    return columns(("RUNBOOK", "WHAT IT DOES", "RISK"), cells)


def runbook_line(row: RunbookRow) -> Line:
    """What one may want to know before opening it."""
    if row.fault:
        return line(Span(f"✗ {row.fault}", Tone.BAD))
    asks = f"asks for {', '.join(row.asks)}" if row.asks else "asks for nothing"
    return line(Span(row.name, Tone.STRONG), Span(f"  {row.title}"), Span(f"  {asks}", Tone.DIM))


def _risk(row: RunbookRow) -> Cell:
    return Cell(str(row.risk), _RISKS[row.risk]) if row.risk else Cell("–", Tone.DIM)


RUNBOOK_COLUMNS: tuple[Column[RunbookRow], ...] = (
    Column(
        "name", "RUNBOOK", 16, lambda row: Cell(row.name, Tone.STRONG), lambda row: row.name, limit=30, keep_end=True,
        about="its name, as vops run takes it",
    ),
    Column(
        "title", "WHAT IT DOES", 20, lambda row: Cell(row.title), lambda row: row.title, limit=_LONGEST, rank=1,
        load=True, about="in a sentence",
    ),
    Column("risk", "RISK", 6, _risk, lambda row: row.risk, rank=2, about="what it may cost: low, medium or high"),
    Column(
        "fixes", "FIXES", 12, lambda row: Cell(", ".join(row.fixes) or "–", Tone.DIM), lambda row: row.fixes or None,
        limit=60, rank=3, about="the causes that it is a fix for",
    ),
)  # fmt: skip
