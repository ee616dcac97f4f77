"""Which lines of a log are shown: those that a filter keeps, lines that differ in nothing but numbers as one.

Knows numbers of lines and texts, nothing of drawing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from vops.render.filters import Match
from vops.render.logs import shape


class LogView:
    """Lines by their number since the log began; `narrowed` while not every line is shown."""

    def __init__(self) -> None:
        self.match = Match()
        self.folds = False
        self._numbers: list[int] = []
        self._counts: list[int] = []
        self._shape = ""

    @property
    def narrowed(self) -> bool:
        return self.folds or bool(self.match.typed)

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, place: int) -> int:
        """The line at a place of the view: of folded lines the last."""
        return self._numbers[place]

    def count(self, place: int) -> int:
        """How many lines the one at a place stands for."""
        return self._counts[place]

    def place(self, number: int) -> int:
        """Where a line is, or where it would be."""
        return bisect_left(self._numbers, number)

    def rebuild(self, lines: Iterable[tuple[int, str]]) -> None:
        """Looks at all lines again."""
        self._numbers, self._counts, self._shape = [], [], ""
        self.take(lines)

    def take(self, lines: Iterable[tuple[int, str]]) -> None:
        """Looks at lines that have arrived."""
        for number, text in lines:
            if not self.match.keeps(text):
                continue
            form = shape(text) if self.folds else ""
            if self.folds and self._numbers and form == self._shape:
                self._numbers[-1] = number
                self._counts[-1] += 1
            else:
                self._numbers.append(number)
                self._counts.append(1)
            self._shape = form

    def forget(self, before: int) -> int:
        """Leaves out lines that are no longer held; how many rows that were."""
        gone = self.place(before)
        del self._numbers[:gone], self._counts[:gone]
        return gone
