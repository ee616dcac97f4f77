"""A table drawn line by line from our own rows: only what is visible is turned into cells.

The cursor belongs to a row's key, not to its place, so a live re-sort never changes what a key press acts on.
Columns leave by rank when the width shrinks. Stock tables rebuild or re-measure on every update, which takes a
second at 5,000 rows; this one costs what is on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vops.render.cells import Cell, Column, Placed, arrange, cut_middle, widths
from vops.render.text import Line, Span, Tone, fit
from vops.render.units import UNKNOWN, bar, sparkline
from vops.tui.widgets.lines import fold
from vops.tui.widgets.tones import Palette, Part, drawable, line_strip, palette_of


class TableRow(Protocol):
    """What the table itself needs to know about a row."""

    @property
    def key(self) -> str: ...

    @property
    def dim(self) -> bool: ...

    @property
    def remark(self) -> Span | None: ...


R = TypeVar("R", bound=TableRow)
Recent = Callable[[str, str, int], list[float | None]]
"""The last values of one number of one row: by the row's key, the number's name, and how many."""

GUTTER = 2
_HATCH = "╱"
"""Between the cells of a row that is not to be believed: seen without colour, too."""


class _Shown(NamedTuple, Generic[R]):
    """What a table showed: how it was arranged, and of each visible row what concerns all of it, and its cells."""

    frame: tuple[Size, int, tuple[Placed[R], ...], tuple[str, bool], tuple[Line, ...]]
    rows: Sequence[tuple[tuple[Span | None, bool], tuple[Cell, ...]]]


class Table(ScrollView, Generic[R], can_focus=True):
    """Rows under a fixed header; posts Opened, Moved and HeaderClicked."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="table.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="table.page_down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("home,g", "to_end(-1)", "First row", show=False, id="table.first"),
        Binding("end,G", "to_end(1)", "Last row", show=False, id="table.last"),
        Binding("left", "app.rewind(-15)", "Back in time", show=False, id="table.earlier"),
        Binding("right", "app.rewind(15)", "Forward in time", show=False, id="table.later"),
        Binding("shift+left", "app.rewind(-300)", "Back five minutes", show=False, id="table.much_earlier"),
        Binding("shift+right", "app.rewind(300)", "Forward five minutes", show=False, id="table.much_later"),
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

    def __init__(
        self,
        columns: Sequence[Column[R]],
        *,
        widget_id: str | None = None,
        classes: str | None = None,
        cursor: bool = True,
    ) -> None:
        super().__init__(id=widget_id, classes=classes)
        self._columns = tuple(columns)
        self._rows: Sequence[R] = ()
        self._places: dict[str, int] = {}
        self._wanted: dict[str, int] = {}
        self._layout_of: tuple[int, tuple[Placed[R], ...]] = (-1, ())
        self._sorted: tuple[str, bool] = ("", False)
        self._placeholder: tuple[Line, ...] = ()
        self._recent: Recent | None = None
        self._cells: dict[str, tuple[Cell, ...]] = {}
        self._has_cursor = cursor
        self._cursor_key = ""
        self._cursor = 0
        self._shown: _Shown[R] | None = None
        self._plain: Palette
        self._chosen: Palette

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
        wanted: dict[str, int] | None = None,
        placeholder: Sequence[Line] = (),
        recent: Recent | None = None,
    ) -> None:
        """Shows these rows; the cursor stays on its key, or on its place when that row has gone.

        `wanted` are the columns' widths as vops.render.cells.widths gives them, when somebody has them already;
        `recent` gives the last values of a row's number, for columns with a trend.
        """
        if columns is not None:
            self._columns = tuple(columns)
        grown = widths(self._columns, rows) if wanted is None else wanted
        self._wanted = {key: max(width, self._wanted.get(key, 0)) for key, width in grown.items()}
        self._layout_of = (-1, ())
        self._cells.clear()
        self._rows, self._sorted, self._placeholder, self._recent = rows, sorted_by, tuple(placeholder), recent
        self._places = {row.key: index for index, row in enumerate(rows)}
        self._pin_cursor()
        self.virtual_size = Size(0, len(rows) + 1)
        self._refresh_changes()
        self.post_message(self.Moved(self))

    def _refresh_changes(self) -> None:
        """Draws again the part of each row that differs from what was shown last; everything if arranged otherwise."""
        before, now = self._shown, self._visible()
        self._shown = now
        if before is None or not now.rows or before.frame != now.frame:
            self.refresh()
            return
        for y, (old, new) in enumerate(zip_longest(before.rows, now.rows), 1):
            if old is None or new is None or old[0] != new[0]:
                self.refresh(Region(0, y, self.size.width, 1))
            elif old != new:
                self.refresh(self._span_of_change(y, old[1], new[1]))

    def _span_of_change(self, y: int, old: Sequence[Cell], new: Sequence[Cell]) -> Region:
        """From the first to the last cell that differs: a region for each would make Textual write the row for each."""
        changed = [item for item, was, cell in zip(self._placed(), old, new, strict=True) if was != cell]
        start, last = changed[0].start, changed[-1]
        return Region(GUTTER + start, y, last.start + last.width - start, 1)

    def _visible(self) -> _Shown[R]:
        """What is on the screen at present, before it is drawn."""
        placed, top = self._placed(), self.scroll_offset.y
        rows = [
            ((row.remark, self._has_cursor and place == self._cursor), self._cells_of(row))
            for place, row in enumerate(self.visible_rows(), top)
        ]
        return _Shown((self.size, top, placed, self._sorted, self._placeholder), rows)

    def _cells_of(self, row: R) -> tuple[Cell, ...]:
        """The cells of a row in the present layout, made once for each showing."""
        found = self._cells.get(row.key)
        if found is None:
            found = self._cells[row.key] = tuple(self._cell(item, row) for item in self._placed())
        return found

    def _cell(self, item: Placed[R], row: R) -> Cell:
        """The cell of a row, with its trend where there is room and a past for one."""
        column, cell = item.column, item.column.cell(row)
        if not (item.bar and column.trend and self._recent) or cell.text == UNKNOWN:
            return cell
        values = self._recent(row.key, column.trend, item.bar - 1)
        return cell._replace(trend=sparkline(values, item.bar - 1, column.top)) if len(values) > 1 else cell

    def visible_rows(self) -> Sequence[R]:
        """The rows on the screen at present."""
        top = self.scroll_offset.y
        return self._rows[top : top + max(0, self.size.height - 1)]

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
        before, self._cursor = self._cursor, max(0, min(place, len(self._rows) - 1))
        self._cursor_key = self._rows[self._cursor].key
        for changed in (before, self._cursor):
            self.refresh_line(changed + 1)
        self._reveal()
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
        at = event.get_content_offset(self)
        if at is None:
            return
        if at.y == 0:
            hit = next((item for item in self._placed() if 0 <= at.x - GUTTER - item.start < item.width + 1), None)
            if hit is not None:
                self.post_message(self.HeaderClicked(self, hit.column.key))
            return
        place = at.y - 1 + self.scroll_offset.y
        if place < len(self._rows):
            self._go(place)
            if event.chain == 2:
                self.post_message(self.Opened(self, self._cursor_key))

    # --- drawing ---

    def _placed(self) -> tuple[Placed[R], ...]:
        width = self.scrollable_content_region.width - GUTTER
        if self._layout_of[0] != width:
            self._cells.clear()
            self._layout_of = (width, arrange(self._columns, width, self._wanted))
        return self._layout_of[1]

    def render_lines(self, crop: Region) -> list[Strip]:
        self._plain = palette_of(self)
        self._chosen = self._plain.over(Part.CURSOR if self.has_focus else Part.CURSOR_AWAY)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self._plain.base
        if y == 0:
            return self._header_strip().adjust_cell_length(width, base)
        if not self._rows:
            return self._placeholder_strip(y).adjust_cell_length(width, base)
        place = y - 1 + self.scroll_offset.y
        if place >= len(self._rows):
            return Strip.blank(width, base)
        is_chosen = self._has_cursor and place == self._cursor
        palette = self._chosen if is_chosen else self._plain
        marked = is_chosen and self.has_focus
        return self._row_strip(self._rows[place], palette, marked).adjust_cell_length(width, palette.base)

    def _placeholder_strip(self, y: int) -> Strip:
        room = max(1, self.size.width - 2 * GUTTER)
        folded = [row for spans in self._placeholder for row in fold(spans, room)]
        place = y - min(2, max(1, self.size.height - len(folded)))
        if not 0 <= place < len(folded):
            return Strip([])
        return Strip.join([Strip([Segment(" " * GUTTER, self._plain.base)]), line_strip(self._plain, folded[place])])

    def _header_strip(self) -> Strip:
        key, reverse = self._sorted
        segments = [Segment(" " * GUTTER, self._plain.base)]
        for item in self._placed():
            column = item.column
            arrow = ("↓" if reverse else "↑") if column.key == key else ""
            style = self._plain.parts[Part.SORTED if arrow else Part.HEADER]
            if len(column.title + arrow) > item.width:  # the arrow may stand in the gap
                segments.append(Segment(f"{column.title}{arrow}{' ' * (item.gap - 1)}", style))
                continue
            text = fit(column.title + arrow, item.width, right=column.right)
            segments.append(Segment(text + " " * item.gap, style))
        return Strip(segments)

    def _row_strip(self, row: R, palette: Palette, marked: bool) -> Strip:
        segments = [Segment("▌ " if marked else "  ", palette.parts[Part.MARK])]
        remark = row.remark
        gap = _HATCH if row.dim else " "
        for item, cell in zip(self._placed(), self._cells_of(row), strict=True):
            if remark is None or not item.column.load:
                segments += _cell_segments(item, cell, palette)
                segments.append(Segment(gap * item.gap, palette.parts[Part.HATCH] if row.dim else palette.base))
            elif width := self._remark_width(item):
                text = fit(drawable(remark.text), width)
                segments.append(Segment(text + " " * item.gap, palette.tones[remark.tone]))
        return Strip(segments)

    def _remark_width(self, item: Placed[R]) -> int:
        """The cells from the first load column to the last one; 0 for the columns after the first."""
        loads = [other for other in self._placed() if other.column.load]
        return loads[-1].start + loads[-1].width - item.start if loads[0] is item else 0


def _cell_segments(item: Placed[R], cell: Cell, palette: Palette) -> list[Segment]:
    width = item.width - item.bar
    shown = drawable(cell.text)
    text = fit(cut_middle(shown, width) if item.column.keep_end else shown, width, right=item.column.right)
    toned = palette.tones[cell.tone]
    if not item.bar:
        return [Segment(text, toned)]
    if cell.trend:
        line = palette.parts[Part.BAR] if cell.tone is Tone.PLAIN else toned
        return [Segment(fit(cell.trend, item.bar - 1, right=True) + " ", line), Segment(text, toned)]
    if cell.level is None:
        return [Segment(" " * item.bar, palette.base), Segment(text, toned)]
    filled, empty = bar(cell.level, item.bar - 1)
    track = palette.parts[Part.TRACK]
    colour = palette.parts[Part.BAR] if cell.tone is Tone.PLAIN else toned
    return [Segment(filled, track + Style(color=colour.color)), Segment(empty, track), Segment(" " + text, toned)]
