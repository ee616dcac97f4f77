"""Numbers over time, drawn with braille dots over one time axis, with marks where something happened.

Charts are lines of spans; every chart of a page has the same columns for the same moments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from vops.render import units
from vops.render.history import History
from vops.render.marks import Mark
from vops.render.text import Line, Span, Tone, fit, line

_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""Bits of a braille cell by column, then from the lowest dot up; the lowest row of a cell is `0x40` and `0x80`."""
_BLANK = 0x2800
HOLDS_S = 45.0
"""How long a value is drawn on when the next one is late."""
LABEL = 9
"""Cells to the left of every chart: the scale, or the name."""


class Window(NamedTuple):
    """The time that a chart's columns stand for, in Unix seconds, and how many cells they are."""

    begin: float
    end: float
    width: int

    def column(self, at: float, parts: int = 1) -> int | None:
        """Which of `parts` columns a cell a moment falls into; None outside."""
        if not self.begin <= at <= self.end or self.end <= self.begin:
            return None
        return min(int((at - self.begin) / (self.end - self.begin) * self.width * parts), self.width * parts - 1)


class Series(NamedTuple):
    """One number of a page: its title, what it is called in a History, its highest value (None: its own), its words."""

    title: str
    name: str
    top: float | None
    shown: Callable[[float | None], str]


SERIES: tuple[Series, ...] = (
    Series("GPU", "gpu_util", 1.0, units.percent),
    Series("KV cache", "kv_usage", 1.0, units.percent),
    Series("running", "running", None, units.count),
    Series("waiting", "waiting", None, units.count),
    Series("tokens/s", "tokens_per_s", None, units.count),
    Series("TTFT p95", "ttft_p95_s", None, units.latency),
)


def page_lines(history: History, marks: Sequence[Mark], now: datetime, width: int, height: int) -> list[Line]:
    """All series over one axis, as many rows each as `height` allows, and below what happened and changed last."""
    if len(history.at) < 2:
        return [line(Span("nothing to draw yet: numbers come with the second scrape", Tone.DIM))]
    window = Window(history.at[0], max(history.at[-1], now.timestamp()), max(8, width - LABEL - 1))
    rows = max(1, (height - 5) // len(SERIES) - 1)
    lines: list[Line] = []
    for series in SERIES:
        lines += chart_lines(series, getattr(history, series.name), history.at, window, rows)
    return [*lines, *mark_lines(marks, window), axis_line(window), *change_lines(marks, now)]


def chart_lines(
    series: Series, values: Sequence[float | None], at: Sequence[float], window: Window, rows: int
) -> list[Line]:
    """The title with the newest value, then `rows` rows of dots; moments without a value stay empty."""
    known = [value for value in values if value is not None and value != float("inf")]
    top = series.top or max(known, default=0.0) or 1.0
    newest = next((value for value in reversed(values) if value is not None), None)
    title = line(Span(f"{fit(series.title, LABEL)} ", Tone.DIM), Span(series.shown(newest), Tone.STRONG))
    drawn = _dots(_levels(values, at, window, top, rows * 4), rows)
    scale = [f"{series.shown(top):>{LABEL}} ", *([" " * (LABEL + 1)] * (rows - 1))]
    return [
        title,
        *(line(Span(left, Tone.DIM), Span(row, Tone.ACCENT)) for left, row in zip(scale, drawn, strict=True)),
    ]


def _levels(values: Sequence[float | None], at: Sequence[float], window: Window, top: float, dots: int) -> list[int]:
    """How many dots stand in each half column; 0 where nothing is known.

    A value holds until the next one, unless nobody looked for longer than HOLDS_S. Of several the highest counts.
    """
    found = [0] * (window.width * 2)
    for value, moment, until in zip(values, at, (*at[1:], at[-1]), strict=True):
        first, last = window.column(moment, 2), window.column(until, 2)
        if value is None or first is None:
            continue
        level = 1 + round(min(1.0, max(0.0, value / top)) * (dots - 1))
        held = until - moment <= HOLDS_S and last is not None
        for column in range(first, max(first + 1, last if held and last is not None else 0)):
            found[column] = max(found[column], level)
    return found


def _dots(levels: Sequence[int], rows: int) -> list[str]:
    """Rows of braille, the highest first."""
    return ["".join(_cell(levels, column, row) for column in range(len(levels) // 2)) for row in reversed(range(rows))]


def _cell(levels: Sequence[int], column: int, row: int) -> str:
    bits = 0
    for half in (0, 1):
        for dot in range(4):
            if levels[column * 2 + half] > row * 4 + dot:
                bits |= _DOTS[half][dot]
    return chr(_BLANK + bits)


def mark_lines(marks: Iterable[Mark], window: Window) -> list[Line]:
    """A letter where something happened, and below what the letters mean; of several in a column the last change."""
    row, meant, changed = [" "] * window.width, dict[str, str](), set[int]()
    for mark in marks:
        column = window.column(mark.at.timestamp())
        if column is None:
            continue
        meant[mark.letter] = mark.means
        if mark.is_change or column not in changed:
            row[column] = mark.letter
        changed |= {column} if mark.is_change else set()
    if not meant:
        return []
    legend = "  ".join(f"{letter} {means}" for letter, means in sorted(meant.items()))
    return [
        line(Span(f"{fit('events', LABEL)} ", Tone.DIM), Span("".join(row), Tone.WARN)),
        line(Span(" " * (LABEL + 1) + legend, Tone.DIM)),
    ]


def change_lines(marks: Sequence[Mark], now: datetime) -> list[Line]:
    """The last change, which is the cause of what follows more often than anything else."""
    last = next((mark for mark in reversed(marks) if mark.is_change), None)
    if last is None:
        return []
    ago = units.duration(units.age_s(last.at, now))
    return [
        line(
            Span(f"{fit('changed', LABEL)} ", Tone.DIM),
            Span(f"{last.letter} {ago} ago  ", Tone.WARN),
            Span(last.means),
            Span(f"  {last.what}" if last.what else "", Tone.DIM),
        )
    ]


def axis_line(window: Window) -> Line:
    """How long ago the left edge was, and now."""
    left = f"{units.duration(window.end - window.begin)} ago"
    return line(Span(" " * (LABEL + 1) + left + "now".rjust(max(4, window.width - len(left))), Tone.DIM))
