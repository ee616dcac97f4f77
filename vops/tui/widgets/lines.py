"""Scrollable lines of spans, wrapped to the width or cut at it, drawn only where they are visible."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vops.render.text import Line, Span, Tone, cell_width, joined
from vops.tui.widgets.tones import Palette, Part, drawable, line_strip, line_width, palette_of

_WORDS = re.compile(r"\s+|[^\s]+")
_INDENT_LIMIT = 16
_GROUNDS = {Tone.ADDED: Part.ADDED_LINE, Tone.REMOVED: Part.REMOVED_LINE}
"""What a line lies on, by the tone it begins with."""


class Lines(ScrollView, can_focus=True):
    """Lines to read: `wrap` folds them at words with a hanging indent, otherwise they scroll sideways."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="lines.down"),
        Binding("k", "scroll_up", "Up", show=False, id="lines.up"),
        Binding("g", "scroll_home", "Top", show=False, id="lines.top"),
        Binding("G", "scroll_end", "End", show=False, id="lines.end"),
    ]

    def __init__(self, *, wrap: bool = True, widget_id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=widget_id, classes=classes)
        self._wrap = wrap
        self._lines: list[Line] = []
        self._folded: list[Line] = []
        self._folded_for = -1
        self._palette: Palette

    @property
    def lines(self) -> Sequence[Line]:
        return self._lines

    def show(self, lines: Iterable[Line]) -> None:
        """Shows these lines instead; keeps the place where the reader is."""
        fresh = list(lines)
        if fresh == self._lines:
            return
        self._lines = fresh
        self._folded_for = -1  # stays so while it is hidden: it has no width to fold for
        self._fold()
        self.refresh()

    def height_for(self, width: int) -> int:
        """How many rows the lines take at `width` cells."""
        return sum(len(fold(spans, width)) for spans in self._lines) if self._wrap else len(self._lines)

    def on_resize(self, event: events.Resize) -> None:
        self._fold()

    def watch_show_vertical_scrollbar(self) -> None:
        """The bar takes a column of the text, and Textual sends no Resize for it."""
        self._fold()

    def _fold(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0 or self._folded_for == width:
            return
        self._folded_for = width
        self._folded = [part for spans in self._lines for part in fold(spans, width)] if self._wrap else self._lines
        wide = 0 if self._wrap else max((line_width(spans) for spans in self._folded), default=0)
        self.virtual_size = Size(wide, len(self._folded))

    def render_lines(self, crop: Region) -> list[Strip]:
        self._palette = palette_of(self)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        offset, width = self.scroll_offset, self.size.width
        place = y + offset.y
        spans = self._line_at(place)
        ground = _GROUNDS.get(spans[0].tone) if spans else None
        palette = self._palette.over(ground) if ground else self._palette
        strip = line_strip(palette, spans)
        seen = offset.x + self.scrollable_content_region.width
        if not self._wrap and strip.cell_length > seen > 1:
            strip = Strip.join([strip.crop(0, seen - 1), Strip([Segment("…", palette.tones[Tone.DIM])])])
        return strip.crop_extend(offset.x, offset.x + width, palette.base)

    def _line_at(self, place: int) -> Line:
        """What is drawn in row `place` of the whole."""
        return self._folded[place] if place < len(self._folded) else ()


def fold(spans: Line, width: int) -> list[Line]:
    """A line folded at words to `width` cells.

    What follows hangs two cells under where the text began, or under the second span when the first is a column of
    its own (it ends in two spaces).
    """
    spans = tuple(Span(drawable(span.text), span.tone) for span in spans)
    if line_width(spans) <= width:
        return [spans]
    indent = min(_hang(spans), _INDENT_LIMIT, max(0, width // 2))
    rows: list[list[Span]] = [[]]
    used = 0
    for span in spans:
        for word in _WORDS.findall(span.text):
            for piece in _pieces(word, max(1, width - indent)):
                step = cell_width(piece)
                if used + step > width and used > 0:
                    rows.append([Span(" " * indent)])
                    used = indent
                    if piece.isspace():
                        continue
                rows[-1].append(Span(piece, span.tone))
                used += step
    return [joined(row) for row in rows]


def _hang(spans: Line) -> int:
    first = spans[0].text
    if len(spans) > 1 and first.strip() and first.endswith("  "):
        return cell_width(first)
    text = "".join(span.text for span in spans)
    return len(text) - len(text.lstrip()) + 2


def _pieces(word: str, width: int) -> Iterable[str]:
    """`word`, cut where it is wider than a whole row."""
    if cell_width(word) <= width:
        return (word,)
    step = max(1, width // 2) if cell_width(word) > len(word) else width
    return (word[start : start + step] for start in range(0, len(word), step))
