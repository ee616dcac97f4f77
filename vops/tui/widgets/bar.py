"""A bar: one line of spans on the left and, as far as there is room, one on the right."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from vops.render.text import Line, Tone
from vops.tui.widgets.tones import Palette, line_strip, line_width, palette_of


class Bar(Widget):
    """Header, totals, cursor line and truth line are all bars; it repaints only when its text changed."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

    def __init__(self, *, widget_id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=widget_id, classes=classes)
        self._left: Line = ()
        self._right: Line = ()

    @property
    def left(self) -> Line:
        return self._left

    @property
    def right(self) -> Line:
        return self._right

    def show(self, left: Line, right: Line = ()) -> None:
        """Draws these lines from now on."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render_line(self, y: int) -> Strip:
        palette, width = palette_of(self), self.size.width
        if y:
            return Strip.blank(width, palette.base)
        left = line_strip(palette, self._left)
        room = width - line_width(self._right)
        if not self._right or room < min(left.cell_length, width // 2):
            return _cut(left, width, palette)
        gap = Strip.blank(1, palette.base)
        return Strip.join([_cut(left, room - 1, palette), gap, line_strip(palette, self._right)])


def _cut(strip: Strip, width: int, palette: Palette) -> Strip:
    """`strip` in exactly `width` cells, saying so where something is left out."""
    if strip.cell_length <= width or width < 2:
        return strip.adjust_cell_length(width, palette.base)
    return Strip.join([strip.crop(0, width - 1), Strip([Segment("…", palette.tones[Tone.DIM])])])
