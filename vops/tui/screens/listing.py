"""A screen that is a table: filter, sort, columns, favourite namespaces and the line about the row under the cursor.

A subclass says which columns there are, where its rows come from and what enter does; it draws nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.model.objects import Ref
from vops.model.snapshot import Source
from vops.render.cells import Column, ordered
from vops.render.filters import NO_LABELS, Labels, Match
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.screens.base import OpsScreen, not_connected, titled
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.table import Table, TableRow

R = TypeVar("R", bound=TableRow)


LIST_KEYS: tuple[BindingType, ...] = (
    Binding("slash", "filter", "Filter", key_display="/", id="list.filter"),
    Binding("s", "sort(1)", "Sort", id="list.sort", tooltip="Sort by the next column"),
    Binding("S", "reverse", "Reverse the order", show=False, id="list.reverse"),
    Binding("n", "app.namespaces", "NS", tooltip="Choose the namespace", id="list.namespace"),
    Binding("0", "app.all_namespaces", "All namespaces", show=False, id="list.all_namespaces"),
    *(
        Binding(str(place), f"app.favourite({place})", "Favourite namespace", show=False, id=f"list.favourite_{place}")
        for place in range(1, 10)
    ),
    Binding("y", "copy", "Copy the name", show=False, id="list.copy"),
    Binding("c", "app.contexts", "Go to another context", show=False, id="list.context"),
    Binding("r", "app.refresh_now", "Refresh, or connect again", show=False, id="list.refresh"),
    Binding("escape", "leave", "Clear the filter, then go back", show=False, id="list.leave"),
)
"""The keys of every table. A screen with keys of its own puts these after them: `inherit_bindings=False` and
`BINDINGS = [..., *LIST_KEYS]`, since the footer shows keys in this order."""


class ListScreen(OpsScreen, Generic[R]):
    """`crumb` names it in settings too; `noun` counts its rows; `biggest_first` are columns where more is first."""

    columns: ClassVar[tuple[Column[Any], ...]]
    noun: ClassVar[str] = "Rows"
    first_sort: ClassVar[str] = ""
    biggest_first: ClassVar[frozenset[str]] = frozenset()
    table_id: ClassVar[str] = "rows"
    sources: ClassVar[tuple[Source, ...]] = ()
    """Where the rows come from."""
    BINDINGS: ClassVar[list[BindingType]] = [*LIST_KEYS]

    def __init__(self, typed: str = "") -> None:
        super().__init__()
        self._match = Match(typed)
        self._sort, self._reverse = self.first_sort, self.first_sort in self.biggest_first

    # --- what a subclass says ---

    def rows(self, picture: Picture) -> Sequence[R]:
        """The rows of a picture, namespaces respected, before the filter."""
        raise NotImplementedError

    def labels_of(self, row: R) -> Labels:
        """What a label selector is asked about."""
        return NO_LABELS

    def told(self, row: R) -> Line:
        """What the line under the table says of the row under the cursor."""
        return ()

    def nothing(self, picture: Picture) -> Line:
        """What stands in place of rows when there are none at all."""
        return (Span(f"no {self.noun.lower()}", Tone.STRONG),)

    def ref_of(self, row: R) -> Ref | None:
        """What a key press on a row is about."""
        return None

    def action_open(self) -> None:
        """What enter and a double click do."""

    def above(self) -> Iterable[Widget]:
        """Widgets over the table."""
        return ()

    def below(self) -> Iterable[Widget]:
        """Widgets under the line about the row."""
        return ()

    def chosen_columns(self, picture: Picture) -> Sequence[Column[Any]]:
        """The columns to show, unless the user has chosen others."""
        return self.columns

    # --- drawing ---

    def body(self) -> Iterable[Widget]:
        yield from self.above()
        yield Table[R](self.columns, widget_id=self.table_id, classes="listing")
        yield Bar(widget_id="cursor")
        yield from self.below()

    @property
    def table(self) -> Table[R]:
        return self.query_one(f"#{self.table_id}", Table)

    def on_mount(self) -> None:
        super().on_mount()
        self.table.focus()
        if self.ops.picture is None:
            self.forget()

    def forget(self) -> None:
        self.table.show((), placeholder=self._unknown())

    def repaint(self, picture: Picture) -> None:
        here = self.rows(picture)
        rows = [row for row in here if self._match.keeps(self.text_of(row), self.labels_of(row))]
        column = next((column for column in self.columns if column.key == self._sort), None)
        shown = ordered(rows, column, reverse=self._reverse) if column else rows
        filtered = f" of {len(here)} · {self.filter_title}" if self._match.typed else ""
        title = f"{self.noun} {len(rows)}{filtered}"
        titled(self.table, title, self.note(picture), truth=self.truth_of(*self.sources))
        self.table.show(
            shown,
            columns=self.ops.columns_of(self.crumb, self.columns, self.chosen_columns(picture)),
            sorted_by=(self._sort, self._reverse),
            placeholder=self._placeholder(picture, len(here)),
        )

    def note(self, picture: Picture) -> str:
        """What stands beside the title."""
        return ""

    def text_of(self, row: R) -> str:
        """What a filter is matched against: what the row says."""
        return " ".join(column.cell(row).text for column in self.columns)

    @property
    def filter_title(self) -> str:
        return f"/{self._match.typed}{self._match.remark}"

    def _placeholder(self, picture: Picture, unfiltered: int) -> Sequence[Line]:
        if unfiltered:
            return [(Span(f"none of {unfiltered} matches {self.filter_title}: esc clears the filter"),)]
        return self._unknown() if self.ops.failure is not None else [self.nothing(picture)]

    def _unknown(self) -> Sequence[Line]:
        if self.ops.failure is not None:
            return not_connected(self.ops.failure)
        return [(Span("LOADING…", Tone.ACCENT),)]

    def on_table_moved(self, event: Table.Moved) -> None:
        self.tell_cursor()

    def tell_cursor(self) -> None:
        """Says what the row under the cursor is about."""
        current = self.table.current
        self.query_one("#cursor", Bar).show((Span(" "), *(self.told(current) if current is not None else ())))

    def again(self) -> None:
        """Draws the present picture again."""
        if self.ops.picture is not None:
            self.repaint(self.ops.picture)

    # --- keys ---

    @property
    def subject(self) -> Ref | None:
        """The row under the cursor, with its uid."""
        current = self.table.current
        return self.ref_of(current) if current is not None else None

    def on_table_opened(self, event: Table.Opened) -> None:
        self.action_open()

    def on_table_header_clicked(self, event: Table.HeaderClicked) -> None:
        if event.table.id == self.table_id:
            self.sort_by(event.column)

    def sort_by(self, column: str) -> None:
        """Sorts by `column`; by the same column again: the other way round."""
        self._reverse = not self._reverse if column == self._sort else column in self.biggest_first
        self._sort = column
        self.again()

    def action_sort(self, step: int) -> None:
        keys = self.table.shown_columns
        place = keys.index(self._sort) if self._sort in keys else -1
        self._sort = keys[(place + step) % len(keys)]
        self._reverse = self._sort in self.biggest_first
        self.again()

    def action_reverse(self) -> None:
        self._reverse = not self._reverse
        self.again()

    def action_copy(self) -> None:
        """The name of what is under the cursor goes to the clipboard."""
        if (subject := self.subject) is None:
            self.ops.tell("no row under the cursor")
            return
        name = f"{subject.namespace}/{subject.name}" if subject.namespace else subject.name
        self.app.copy_to_clipboard(name)
        self.ops.tell(f"copied: {name}")

    # --- the filter ---

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While the prompt has the focus, its keys are the only ones to be offered."""
        return action != "filter" or not self.is_drawn or not self.prompt.is_open

    def action_filter(self) -> None:
        self.ask("/", self._match.typed)

    def narrow(self, typed: str) -> None:
        self._match = Match(typed)
        self.again()

    def action_leave(self) -> None:
        """The filter goes first, then the screen."""
        if self._match.typed:
            self.narrow("")
        else:
            self.ops.action_go_back()
