"""The fleet: workloads above, every replica below, and in one line what the row under the cursor is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.model.resources import Ref
from vops.render.cells import ordered
from vops.render.filters import Match, chosen_replicas, chosen_workloads, namespaces
from vops.render.fleet_rows import FleetView, ReplicaRow, WorkloadRow
from vops.render.fleet_table import (
    ALL_REPLICA_COLUMNS,
    REPLICA_COLUMNS,
    WORKLOAD_COLUMNS,
    cursor_line,
    totals_line,
    unread_line,
    workload_cursor_line,
)
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.messages import DiagnosisAsked, FixAsked, LogsAsked, ReplicaAsked
from vops.tui.screens.base import OpsScreen, titled
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.prompt import Prompt
from vops.tui.widgets.table import Table

_SORTABLE = {column.key: column for column in ALL_REPLICA_COLUMNS}
_BIGGEST_FIRST = frozenset({"util", "kv", "running", "waiting", "tokens", "ttft", "restarts", "preemptions"})


class FleetScreen(OpsScreen):
    """Keys act on the row that is under the cursor when they are pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="fleet.open"),
        Binding("d", "diagnose", "Diagnose", id="fleet.diagnose"),
        Binding("f", "fix", "Fix", id="fleet.fix"),
        Binding("l", "logs", "Logs", id="fleet.logs"),
        Binding("slash", "filter", "Filter", key_display="/", id="fleet.filter"),
        Binding("s", "sort(1)", "Sort", id="fleet.sort", tooltip="Sort by the next column"),
        Binding("S", "reverse", "Reverse the order", show=False, id="fleet.reverse"),
        Binding("n", "app.namespaces", "NS", tooltip="Choose the namespace", id="fleet.namespace"),
        Binding("0", "app.all_namespaces", "All namespaces", show=False, id="fleet.all_namespaces"),
        Binding("c", "app.contexts", "Go to another context", show=False, id="fleet.context"),
        Binding("colon", "command", "Command", key_display=":", show=False, id="fleet.command"),
        Binding("r", "app.refresh_now", "Refresh, or connect again", show=False, id="fleet.refresh"),
        Binding("tab", "swap", "Workloads ⇄ replicas", show=False, id="fleet.swap"),
        Binding("escape", "clear", "Clear the filter", show=False, id="fleet.clear"),
    ]

    def __init__(self) -> None:
        super().__init__(id="fleet")
        self._match = Match()
        self._sort, self._reverse = "state", False

    def body(self) -> Iterable[Widget]:
        yield Bar(widget_id="totals")
        yield Table[WorkloadRow](WORKLOAD_COLUMNS, widget_id="workloads")
        yield Table[ReplicaRow](REPLICA_COLUMNS, widget_id="replicas")
        yield Bar(widget_id="cursor")
        yield Prompt(self._completions, widget_id="prompt")

    @property
    def replicas(self) -> Table[ReplicaRow]:
        return self.query_one("#replicas", Table)

    @property
    def workloads(self) -> Table[WorkloadRow]:
        return self.query_one("#workloads", Table)

    def on_mount(self) -> None:
        super().on_mount()
        self.replicas.focus()
        if self.ops.picture is None:
            self._show_replicas([])

    # --- painting ---

    def repaint(self, picture: Picture) -> None:
        view = picture.view
        here = chosen_replicas(view.replicas, Match(), self.ops.namespace)
        rows = chosen_replicas(here, self._match)
        self.query_one("#totals", Bar).show(() if view.unread else (Span(" "), *totals_line(here)))
        self._show_workloads(chosen_workloads(view.workloads, self.ops.namespace))
        self._show_replicas(ordered(rows, _SORTABLE[self._sort], reverse=self._reverse), of=len(here), view=view)

    def forget(self) -> None:
        self.query_one("#totals", Bar).show(())
        self._show_workloads(())
        self._show_replicas(())

    def _show_workloads(self, rows: Sequence[WorkloadRow]) -> None:
        table = self.workloads
        table.display = bool(rows)
        short = sum(row.ready < row.desired for row in rows)
        titled(table, f"Workloads {len(rows)}", f"{short} short of replicas" if short else "")
        table.styles.height = min(len(rows), 8 if self.size.height >= 34 else 4) + 2
        table.show(rows)

    def _show_replicas(self, rows: Sequence[ReplicaRow], *, of: int = 0, view: FleetView | None = None) -> None:
        many = view is not None and not self.ops.namespace and len({row.namespace for row in view.replicas}) > 1
        filtered = f" of {of} · {self._filter_title()}" if self._match.typed else ""
        counted = "" if view is None or view.unread else f" {len(rows)}"
        titled(self.replicas, f"Replicas{counted}{filtered}")
        self.replicas.show(
            rows,
            columns=ALL_REPLICA_COLUMNS if many else REPLICA_COLUMNS,
            sorted_by=(self._sort, self._reverse),
            wanted=self.ops.picture.widths if self.ops.picture else None,
            placeholder=self._placeholder(of, view),
        )

    def _filter_title(self) -> str:
        return f"/{self._match.typed}" + (" (taken literally)" if self._match.literal else "")

    def _placeholder(self, unfiltered: int, view: FleetView | None) -> Line:
        if self.ops.failure is not None:
            return (Span("not connected: r tries again, c chooses another context", Tone.WARN),)
        unread = None if view is None else view.unread
        if view is None or unread is not None:
            return unread_line(unread)
        if unfiltered:
            return (Span(f"none of {unfiltered} replicas matches {self._filter_title()}: esc clears the filter"),)
        place = f"namespace {self.ops.namespace}" if self.ops.namespace else "any namespace"
        return (Span(f"no vLLM replicas in {place}", Tone.STRONG), Span(" · n: namespace · c: context", Tone.DIM))

    def on_table_moved(self, event: Table.Moved) -> None:
        self._tell_cursor()
        if event.table.id == "replicas":
            visible = self.replicas.visible_rows()
            self.ops.focus_scrapes({(row.namespace, row.pod) for row in visible})

    def _tell_cursor(self) -> None:
        told: Line = ()
        if self.focused is self.workloads and (workload := self.workloads.current):
            told = workload_cursor_line(workload)
        elif replica := self.replicas.current:
            told = cursor_line(replica)
        self.query_one("#cursor", Bar).show((Span(" "), *told))

    def on_descendant_focus(self) -> None:
        self._tell_cursor()

    # --- keys ---

    def _subject(self) -> Ref | None:
        """What a key press is about: the row under the cursor of the focused table, with its uid."""
        table: Table[Any] = self.workloads if self.focused is self.workloads else self.replicas
        row: ReplicaRow | WorkloadRow | None = table.current
        if row is None:
            self.ops.tell("no row under the cursor")
        return row.ref if row else None

    def action_open(self) -> None:
        if subject := self._subject():
            self.post_message(ReplicaAsked(subject) if subject.kind == "Pod" else DiagnosisAsked(subject))

    def action_diagnose(self) -> None:
        if subject := self._subject():
            self.post_message(DiagnosisAsked(subject))

    def action_fix(self) -> None:
        if subject := self._subject():
            self.post_message(FixAsked(subject))

    def action_logs(self) -> None:
        subject = self._subject()
        if subject and subject.kind == "Pod":
            self.post_message(LogsAsked(subject))

    def on_table_opened(self, event: Table.Opened) -> None:
        self.action_open()

    def action_swap(self) -> None:
        other = self.replicas if self.focused is self.workloads else self.workloads
        if other.display:
            other.focus()

    # --- sorting ---

    def on_table_header_clicked(self, event: Table.HeaderClicked) -> None:
        if event.table.id == "replicas":
            self.sort_by(event.column)

    def sort_by(self, column: str) -> None:
        """Sorts by `column`; by the same column again: the other way round."""
        self._reverse = not self._reverse if column == self._sort else column in _BIGGEST_FIRST
        self._sort = column
        self._again()

    def action_sort(self, step: int) -> None:
        keys = self.replicas.shown_columns
        place = keys.index(self._sort) if self._sort in keys else -1
        self._sort = keys[(place + step) % len(keys)]
        self._reverse = self._sort in _BIGGEST_FIRST
        self._again()

    def action_reverse(self) -> None:
        self._reverse = not self._reverse
        self._again()

    def _again(self) -> None:
        if self.ops.picture is not None:
            self.repaint(self.ops.picture)

    # --- filter and commands ---

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While the prompt has the focus, its keys are the only ones to be offered."""
        return action != "filter" or not self.is_mounted or not self.query_one(Prompt).is_open

    def action_filter(self) -> None:
        self.query_one(Prompt).open("/", self._match.typed)

    def action_command(self) -> None:
        self.query_one(Prompt).open(":")

    def action_clear(self) -> None:
        self._match = Match()
        self._again()

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        if event.sign == "/":
            self._match = Match(event.text)
            self._again()

    def on_prompt_done(self, event: Prompt.Done) -> None:
        self.replicas.focus()
        if event.sign == ":" and event.accepted:
            self.ops.obey(event.text)
        elif event.sign == "/":
            self._match = Match(event.text if event.accepted else "")
            self._again()

    def _completions(self, typed: str) -> Iterable[str]:
        picture = self.ops.picture
        places = namespaces(picture.view) if picture else ()
        return self.ops.completions(typed, {"ns": places, "sort": tuple(_SORTABLE)})
