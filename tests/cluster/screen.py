"""What a terminal shows after some bytes: characters and background colours in a grid.

Knows what full-screen programs such as Textual's write (cursor moves, erasing, colours) and skips the rest.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

_TOKEN = re.compile(
    r"\x1b\[(?P<private>[?>=<]?)(?P<arguments>[0-9;:]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]P_^X].*?(?:\x07|\x1b\\)"
    r"|\x1b[()*+][0-9A-Za-z]"
    r"|\x1b[=>78cDEHMNOZ]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)
_LONGEST_SEQUENCE = 4096


class Screen:
    """A grid of `rows` by `columns`; `at` is the cursor."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._text = [[" "] * columns for _ in range(rows)]
        self._backgrounds = [[""] * columns for _ in range(rows)]
        self._background = ""
        self._at = (0, 0)

    @property
    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._text]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def background(self, row: int, column: int) -> str:
        """The colour there as SGR arguments such as `48;2;29;49;71`; empty for the default."""
        return self._backgrounds[row][column]

    def feed(self, data: bytes) -> None:
        """Draws `data`; an unfinished sequence at its end waits for more."""
        self._pending += self._decoder.decode(data)
        place = 0
        while place < len(self._pending):
            match = _TOKEN.match(self._pending, place)
            if match is None:
                if len(self._pending) - place < _LONGEST_SEQUENCE:
                    break
                place += 1
                continue
            self._draw(match)
            place = match.end()
        self._pending = self._pending[place:]

    def _draw(self, match: re.Match[str]) -> None:
        if match["text"]:
            self._write(match["text"])
        elif match["control"]:
            self._move(match["control"])
        elif match["final"] and not match["private"]:
            self._sequence(match["final"], match["arguments"])

    def _write(self, text: str) -> None:
        row, column = self._at
        for character in text:
            if unicodedata.combining(character):
                continue
            if column < self.columns:
                self._text[row][column] = character
                self._backgrounds[row][column] = self._background
            column += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        self._at = (row, min(column, self.columns))

    def _move(self, control: str) -> None:
        row, column = self._at
        moves = {"\r": (row, 0), "\n": (min(row + 1, self.rows - 1), column), "\b": (row, max(column - 1, 0))}
        self._at = moves.get(control, self._at)

    def _sequence(self, final: str, arguments: str) -> None:
        numbers = [int(part) for part in re.split("[;:]", arguments) if part]
        first = numbers[0] if numbers else 0
        row, column = self._at
        steps = {"A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1)}
        if final in "Hf":
            self._at = self._inside((first or 1) - 1, (numbers[1] if len(numbers) > 1 else 1) - 1)
        elif final in steps:
            down, right = steps[final]
            self._at = self._inside(row + down * max(first, 1), column + right * max(first, 1))
        elif final == "G":
            self._at = self._inside(row, (first or 1) - 1)
        elif final == "m":
            self._colour(arguments)
        elif final in "JKX":
            self._erase(final, first)

    def _inside(self, row: int, column: int) -> tuple[int, int]:
        return min(max(row, 0), self.rows - 1), min(max(column, 0), self.columns - 1)

    def _colour(self, arguments: str) -> None:
        words = iter((arguments or "0").replace(":", ";").split(";"))
        for word in words:
            if word in ("38", "48"):
                kind = next(words, "")
                colour = ";".join([word, kind, *(next(words, "") for _ in range(3 if kind == "2" else 1))])
                self._background = colour if word == "48" else self._background
            elif word in ("0", "", "49"):
                self._background = ""
            elif len(word) in (2, 3) and word[:-1] in ("4", "10"):
                self._background = word

    def _erase(self, final: str, mode: int) -> None:
        row, column = self._at
        if final == "J":
            first = row if mode == 0 else 0
            spans = [(line, 0, self.columns) for line in range(first, self.rows)]
        elif final == "K":
            start, end = {0: (column, self.columns), 1: (0, column + 1)}.get(mode, (0, self.columns))
            spans = [(row, start, end)]
        else:
            spans = [(row, column, min(column + max(mode, 1), self.columns))]
        for line, start, end in spans:
            self._text[line][start:end] = [" "] * (end - start)
            self._backgrounds[line][start:end] = [self._background] * (end - start)
