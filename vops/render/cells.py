"""Tables as data: columns that turn a row into cells, and the arithmetic of fitting them into a width.

A column owns everything about itself: its title, how a row becomes its cell, what it sorts by, how much room it
needs and how soon it gives way. Widgets and the command line only draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from vops.render.text import Tone, cell_width

R = TypeVar("R")
CRAMPED = 100
"""Below this width columns stand one cell apart, above it two."""
LATE = 6
"""Columns of this rank and above grow only after the bars beside numbers have their room."""
ROOMY = 36
"""What a column that names the row may take before others get any room."""


class Cell(NamedTuple):
    """What one column shows of one row; `level` (0..1) may be drawn as a bar beside the text, or `trend` as it is."""

    text: str
    tone: Tone = Tone.PLAIN
    level: float | None = None
    trend: str = ""


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column: `width` cells, less when nothing in it needs them, up to `limit` when there is room.

    A higher `rank` gives way sooner. `keep_end` columns name the row: they are cut in the middle and late, since it is
    their ends that tell rows apart. A column that `fades` is not there while it has nothing to say of any row.
    `order` is what the column sorts by, None last in either direction. `load` columns make room for a row's note
    when the row has no numbers to show. `bar` cells are added, when the width allows, for the recent past of the number
    that `trend` names (drawn up to `top`, or to its own maximum), or for the level while there is no past.
    """

    key: str
    title: str
    width: int
    cell: Callable[[R], Cell]
    order: Callable[[R], Any]
    right: bool = False
    limit: int = 0
    rank: int = 0
    load: bool = False
    bar: int = 0
    trend: str = ""
    top: float | None = None
    about: str = ""
    keep_end: bool = False
    fades: bool = False


class Placed(NamedTuple, Generic[R]):
    """A column that fits: where it starts, how wide it is, how much of that is its bar, and the gap after it."""

    column: Column[R]
    start: int
    width: int
    bar: int
    gap: int


def picked(known: Sequence[Column[R]], keys: Sequence[str]) -> tuple[Column[R], ...]:
    """The columns of these keys, in their order; keys that are not known are passed over."""
    by_key = {column.key: column for column in known}
    return tuple(by_key[key] for key in keys if key in by_key)


def widths(columns: Sequence[Column[R]], rows: Sequence[R]) -> dict[str, int]:
    """The widest text of every column that may grow, by its key."""
    return {
        column.key: max((cell_width(column.cell(row).text) for row in rows), default=0)
        for column in columns
        if column.limit
    }


def arrange(columns: Sequence[Column[R]], width: int, wanted: dict[str, int]) -> tuple[Placed[R], ...]:
    """The columns that fit into `width` cells, in order: the least important leave, then the rest share the room."""
    kept = [column for column in columns if not column.fades or wanted.get(column.key, 1)]
    gap = 1 if width < CRAMPED else 2
    final = {column.key: _least(column, wanted, cramped=width < CRAMPED) for column in kept}
    while len(kept) > 1 and _total(kept, final, gap) > width:
        kept.remove(max(reversed(kept), key=lambda column: column.rank))
    spare = max(0, width - _total(kept, final, gap))
    spare = _grow([column for column in kept if column.rank < LATE], final, wanted, spare)
    bars = _bars(kept, spare)
    _grow([column for column in kept if column.rank >= LATE], final, wanted, spare - sum(bars.values()))
    placed, start = [], 0
    for column in kept:
        bar = bars.get(column.key, 0)
        placed.append(Placed(column, start, final[column.key] + bar, bar, gap))
        start += final[column.key] + bar + gap
    return tuple(placed)


def _least(column: Column[R], wanted: dict[str, int], *, cramped: bool) -> int:
    """What a column has to have; one that may grow may also shrink to its title or its widest text."""
    if not column.limit:
        return column.width
    needed = max(wanted.get(column.key, column.width), len(column.title) + 1)
    return min(needed, ROOMY) if column.keep_end and not cramped else min(column.width, needed)


def _total(kept: Sequence[Column[R]], final: dict[str, int], gap: int) -> int:
    return sum(final[column.key] for column in kept) + gap * max(0, len(kept) - 1)


def _grow(kept: Sequence[Column[R]], final: dict[str, int], wanted: dict[str, int], spare: int) -> int:
    """Widens the columns that want more, the most important first; returns what is left."""
    for column in sorted(kept, key=lambda column: column.rank):
        more = min(spare, max(0, min(column.limit, wanted.get(column.key, 0)) - final[column.key]))
        final[column.key] += more
        spare -= more
    return spare


def _bars(kept: Sequence[Column[R]], spare: int) -> dict[str, int]:
    bars: dict[str, int] = {}
    for column in sorted(kept, key=lambda column: column.rank):
        if column.bar and column.bar + 1 <= spare:
            bars[column.key] = column.bar + 1
            spare -= column.bar + 1
    return bars


def ordered(rows: Sequence[R], column: Column[R], *, reverse: bool = False) -> list[R]:
    """`rows` sorted by `column`, stable; what is not known comes last either way."""
    known = [row for row in rows if column.order(row) is not None]
    unknown = [row for row in rows if column.order(row) is None]
    return [*sorted(known, key=column.order, reverse=reverse), *unknown]


def cut_middle(text: str, width: int) -> str:
    """`text` in at most `width` cells, its middle left out: the ends of pod names are what tells them apart."""
    if cell_width(text) <= width or not text.isascii() or width < 9:
        return text
    tail = min(8, width // 3)
    return f"{text[: width - tail - 1]}…{text[-tail:]}"
