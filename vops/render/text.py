"""Styled lines: what every front end prints, without knowing a terminal.

A line is a tuple of spans, a span a piece of text with a tone. The command line turns tones into ANSI colours
(or nothing), the TUI into theme colours; files and pipes get the text alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class Tone(StrEnum):
    """What a piece of text means; never the only carrier of that meaning (a word or glyph says it too)."""

    PLAIN = "plain"
    STRONG = "strong"
    DIM = "dim"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"
    ADDED = "added"
    REMOVED = "removed"


class Span(NamedTuple):
    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]


def line(*parts: str | Span) -> Line:
    """A line of spans; bare strings are plain."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def joined(row: Sequence[Span]) -> Line:
    """Neighbours of one tone as one span."""
    merged: list[Span] = []
    for span in row:
        if merged and merged[-1].tone is span.tone:
            merged[-1] = Span(merged[-1].text + span.text, span.tone)
        else:
            merged.append(span)
    return tuple(merged)


def plain(lines: Iterable[Line]) -> str:
    """The text alone, each line ended by a newline."""
    return "".join("".join(span.text for span in spans).rstrip() + "\n" for spans in lines)


def cell_width(text: str) -> int:
    """Terminal cells that `text` takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return _short_width(text) if len(text) <= SHORT else sum(_char_width(char) for char in text)


SHORT = 64
"""Texts up to this length are cells, which come again with every frame."""


@lru_cache(maxsize=4096)
def _short_width(text: str) -> int:
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` cells: padded, or cut with an ellipsis."""
    length = cell_width(text)
    if length > width:
        text, length = _cut(text, width)
    pad = " " * (width - length)
    return pad + text if right else text + pad


def _cut(text: str, width: int) -> tuple[str, int]:
    if width <= 0:
        return "", 0
    kept, used = [], 0
    for char in text:
        step = _char_width(char)
        if used + step > width - 1:
            break
        kept.append(char)
        used += step
    return "".join(kept) + "…", used + 1


def columns(
    header: Sequence[str], rows: Sequence[Sequence[Span]], *, right: frozenset[int] = frozenset()
) -> list[Line]:
    """A table: dim header, columns as wide as their content, two spaces between; `right` aligns by index."""
    widths = [cell_width(title) for title in header]
    for row in rows:
        widths = [max(width, cell_width(span.text)) for width, span in zip(widths, row, strict=True)]

    def laid_out(cells: Sequence[Span]) -> Line:
        spans: list[Span] = []
        for index, (span, width) in enumerate(zip(cells, widths, strict=True)):
            gap = "  " if index else ""
            spans.append(Span(gap + fit(span.text, width, right=index in right), span.tone))
        return tuple(spans)

    return [laid_out([Span(title, Tone.DIM) for title in header]), *(laid_out(row) for row in rows)]
