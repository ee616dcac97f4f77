"""A table drawn line by line from our own rows: only what is visible is turned into cells.

The cursor belongs to a row's key, not to its place, so a live re-sort never changes what a key press acts on.
Columns leave by rank when the width shrinks. Stock tables rebuild or re-measure on every update, which takes a
second at 5,000 rows; this one costs what is on the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vops.render.cells import Cell, Column, Placed, arrange, widths
from vops.render.text import Line, Span, Tone, fit
from vops.render.units import bar
from vops.tui.widgets.tones import TONE_CLASSES, drawable, line_strip, tone_style


class TableRow(Protocol):
    """What the table itself needs to know about a row."""

    @property
    def key(self) -> str: ...

    @property
    def dim(self) -> bool: ...

    @property
    def remark(self) -> Span | None: ...


R = TypeVar("R", bound=TableRow)
GUTTER = 2


class Table(ScrollView, Generic[R], can_focus=True):
    """Rows under a fixed header; posts Opened, Moved and HeaderClicked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES | {
        "table--header",
        "table--sorted",
        "table--cursor",
        "table--track",
        "table--bar",
        "table--mark",
    }
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="table.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="table.page_down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("home,g", "to_end(-1)", "First row", show=False, id="table.first"),
        Binding("end,G", "to_end(1)", "Last row", show=False, id="table.last"),
    ]

    class Opened(Message):
        """A row was double-clicked."""

        def __init__(self, table: Table[R], key: str) -> None:
            super().__init__()
            self.table, self.key = table, key

    class Moved(Message):
        """The cursor is on another row, or its row has changed."""

        def __init__(self, table: Table[R]) -> None:
            super().__init__()
            self.table = table

    class HeaderClicked(Message):
        """A column's title was clicked."""

        def __init__(self, table: Table[R], column: str) -> None:
            super().__init__()
            self.table, self.column = table, column

    def __init__(self, columns: Sequence[Column[R]], *, widget_id: str | None = None, cursor: bool = True) -> None:
        super().__init__(id=widget_id)
        self._columns = tuple(columns)
        self._rows: Sequence[R] = ()
        self._places: dict[str, int] = {}
        self._wanted: dict[str, int] = {}
        self._layout_of: tuple[int, tuple[Placed[R], ...]] = (-1, ())
        self._sorted: tuple[str, bool] = ("", False)
        self._placeholder: Line = ()
        self._has_cursor = cursor
        self._cursor_key = ""
        self._cursor = 0

    # --- what is shown ---

    @property
    def rows(self) -> Sequence[R]:
        return self._rows

    @property
    def current(self) -> R | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def shown_columns(self) -> tuple[str, ...]:
        """The keys of the columns that fit at present."""
        return tuple(item.column.key for item in self._placed())

    def show(
        self,
        rows: Sequence[R],
        *,
        columns: Sequence[Column[R]] | None = None,
        sorted_by: tuple[str, bool] = ("", False),
        placeholder: Line = (),
    ) -> None:
        """Shows these rows; the cursor stays on its key, or on its place when that row has gone."""
        if columns is not None:
            self._columns = tuple(columns)
        grown = widths(self._columns, rows)
        self._wanted = {key: max(width, self._wanted.get(key, 0)) for key, width in grown.items()}
        self._layout_of = (-1, ())
        self._rows, self._sorted, self._placeholder = rows, sorted_by, placeholder
        self._places = {row.key: index for index, row in enumerate(rows)}
        self._pin_cursor()
        self.virtual_size = Size(0, len(rows) + 1)
        self.refresh()
        self.post_message(self.Moved(self))

    def visible_rows(self) -> Sequence[R]:
        """The rows on the screen at present."""
        top = self.scroll_offset.y
        return self._rows[top : top + max(0, self.size.height - 1)]

    def put_cursor(self, key: str) -> None:
        """Moves the cursor to the row of this key, if there is one."""
        if key in self._places:
            self._go(self._places[key])

    def _pin_cursor(self) -> None:
        offset = self._cursor - self.scroll_offset.y
        place = self._places.get(self._cursor_key)
        self._cursor = place if place is not None else min(self._cursor, max(0, len(self._rows) - 1))
        self._cursor_key = self._rows[self._cursor].key if self._rows else ""
        if self._has_cursor and 0 <= offset < self.size.height - 1:
            self.call_after_refresh(self._reveal)

    def _reveal(self) -> None:
        if self.size.height > 1:
            self.scroll_to_region(Region(0, self._cursor, 1, 2), animate=False, force=True, x_axis=False)

    # --- moving ---

    def _go(self, place: int) -> None:
        if not self._rows:
            return
        self._cursor = max(0, min(place, len(self._rows) - 1))
        self._cursor_key = self._rows[self._cursor].key
        self._reveal()
        self.refresh()
        self.post_message(self.Moved(self))

    def action_move(self, rows: int) -> None:
        self._go(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        self._go(self._cursor + pages * max(1, self.size.height - 2))

    def action_to_end(self, direction: int) -> None:
        self._go(0 if direction < 0 else len(self._rows) - 1)

    def on_click(self, event: events.Click) -> None:
        """A title sorts, a row gets the cursor, a second click on it opens it."""
        event.stop()
        if event.y == 0:
            hit = next((item for item in self._placed() if 0 <= event.x - GUTTER - item.start < item.width + 1), None)
            if hit is not None:
                self.post_message(self.HeaderClicked(self, hit.column.key))
            return
        place = event.y - 1 + self.scroll_offset.y
        if place < len(self._rows):
            self._go(place)
            if event.chain == 2:
                self.post_message(self.Opened(self, self._cursor_key))

    # --- drawing ---

    def _placed(self) -> tuple[Placed[R], ...]:
        width = self.scrollable_content_region.width - GUTTER
        if self._layout_of[0] != width:
            self._layout_of = (width, arrange(self._columns, width, self._wanted))
        return self._layout_of[1]

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if y == 0:
            return self._header_strip(base).adjust_cell_length(width, base)
        if not self._rows:
            return self._placeholder_strip(y, base).adjust_cell_length(width, base)
        place = y - 1 + self.scroll_offset.y
        if place >= len(self._rows):
            return Strip.blank(width, base)
        return self._row_strip(place, base).adjust_cell_length(width, self._row_base(place, base))

    def _placeholder_strip(self, y: int, base: Style) -> Strip:
        if y != min(2, self.size.height - 1):
            return Strip([])
        return Strip.join([Strip([Segment("  ", base)]), line_strip(self, self._placeholder, base)])

    def _header_strip(self, base: Style) -> Strip:
        style = base + self.get_component_rich_style("table--header", partial=True)
        chosen = base + self.get_component_rich_style("table--sorted", partial=True)
        key, reverse = self._sorted
        segments = [Segment(" " * GUTTER, base)]
        for item in self._placed():
            column = item.column
            title = column.title
            if column.key == key:
                title = f"{title}{'▼' if reverse else '▲'}" if len(title) < item.width else title
            text = fit(title, item.width, right=column.right)
            segments.append(Segment(text + " " * item.gap, chosen if column.key == key else style))
        return Strip(segments)

    def _row_base(self, place: int, base: Style) -> Style:
        if not self._has_cursor or place != self._cursor:
            return base
        return base + self.get_component_rich_style("table--cursor", partial=True)

    def _row_strip(self, place: int, base: Style) -> Strip:
        row, style = self._rows[place], self._row_base(place, base)
        at_cursor = self._has_cursor and place == self._cursor
        mark = style + self.get_component_rich_style("table--mark", partial=True)
        segments = [Segment("▌" if at_cursor and self.has_focus else " ", mark), Segment(" " * (GUTTER - 1), style)]
        remark = row.remark
        for item in self._placed():
            if remark is not None and item.column.load:
                continue_at = self._remark_width(item)
                if continue_at:
                    text = fit(drawable(remark.text), continue_at)
                    segments.append(Segment(text + " " * item.gap, style + tone_style(self, remark.tone)))
                continue
            segments += self._cell_segments(item, item.column.cell(row), style)
            segments.append(Segment(" " * item.gap, style))
        return Strip(segments)

    def _remark_width(self, item: Placed[R]) -> int:
        """The cells from the first load column to the last one; 0 for the columns after the first."""
        loads = [other for other in self._placed() if other.column.load]
        return loads[-1].start + loads[-1].width - item.start if loads[0] is item else 0

    def _cell_segments(self, item: Placed[R], cell: Cell, style: Style) -> list[Segment]:
        toned = style + tone_style(self, cell.tone)
        text = fit(drawable(cell.text), item.width - item.bar, right=item.column.right)
        if not item.bar:
            return [Segment(text, toned)]
        if cell.level is None:
            return [Segment(" " * item.bar, style), Segment(text, toned)]
        filled, empty = bar(cell.level, item.bar - 1)
        track = style + self.get_component_rich_style("table--track", partial=True)
        calm = self.get_component_rich_style("table--bar", partial=True)
        colour = calm if cell.tone is Tone.PLAIN else tone_style(self, cell.tone)
        return [
            Segment(filled, track + Style(color=colour.color)),
            Segment(empty, track),
            Segment(" " + text, toned),
        ]
