"""A bar: one line of spans on the left and, as far as there is room, one on the right."""

from __future__ import annotations

from typing import ClassVar

from textual.strip import Strip
from textual.widget import Widget

from vops.render.text import Line
from vops.tui.widgets.tones import TONE_CLASSES, line_strip, line_width


class Bar(Widget):
    """Header, totals, cursor line and truth line are all bars; it repaints only when its text changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES
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
        base, width = self.rich_style, self.size.width
        if y:
            return Strip.blank(width, base)
        left = line_strip(self, self._left, base)
        room = width - line_width(self._right)
        if not self._right or room < min(left.cell_length, width // 2):
            return left.adjust_cell_length(width, base)
        return Strip.join([left.adjust_cell_length(room, base), line_strip(self, self._right, base)])
