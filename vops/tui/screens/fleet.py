"""The fleet: workloads above, every replica below, and in one line what the row under the cursor is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.model.resources import Ref
from vops.model.snapshot import Source
from vops.render.cells import ordered
from vops.render.filters import NO_LABELS, Labels, Match, chosen_replicas, chosen_workloads
from vops.render.fleet_rows import FleetView, ReplicaRow, WorkloadRow
from vops.render.fleet_table import (
    ALL_REPLICA_COLUMNS,
    REPLICA_COLUMNS,
    WORKLOAD_COLUMNS,
    cursor_line,
    is_slow,
    totals_line,
    unread_line,
    workload_cursor_line,
)
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.messages import DiagnosisAsked, FixAsked, LogsAsked, ReplicaAsked, WorkloadAsked
from vops.tui.screens.base import titled
from vops.tui.screens.listing import LIST_KEYS, ListScreen
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.table import Table

_SORTABLE = {column.key: column for column in ALL_REPLICA_COLUMNS}


class FleetScreen(ListScreen[ReplicaRow], inherit_bindings=False):
    """Keys act on the row that is under the cursor when they are pressed."""

    crumb = "fleet"
    noun = "Replicas"
    columns = ALL_REPLICA_COLUMNS
    first_sort = "state"
    biggest_first = frozenset({"util", "kv", "running", "waiting", "tokens", "ttft", "restarts", "preemptions"})
    table_id = "replicas"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="fleet.open"),
        Binding("d", "diagnose", "Diagnose", id="fleet.diagnose"),
        Binding("f", "fix", "Fix", id="fleet.fix"),
        Binding("l", "logs", "Logs", id="fleet.logs"),
        Binding("z", "group", "Fold", tooltip="Groups as one row, or every pod", show=False, id="fleet.group"),
        Binding("tab", "swap", "Workloads ⇄ replicas", show=False, id="fleet.swap"),
        *LIST_KEYS,
    ]

    def __init__(self) -> None:
        super().__init__()
        self.id = "fleet"
        self._grouped = True

    def above(self) -> Iterable[Widget]:
        yield Bar(widget_id="totals")
        yield Table[WorkloadRow](WORKLOAD_COLUMNS, widget_id="workloads", classes="listing")

    @property
    def replicas(self) -> Table[ReplicaRow]:
        return self.table

    @property
    def workloads(self) -> Table[WorkloadRow]:
        return self.query_one("#workloads", Table)

    # --- painting ---

    def repaint(self, picture: Picture) -> None:
        view = picture.view
        every = view.grouped if self._grouped else (*view.replicas, *view.ranks)
        here = chosen_replicas(every, Match(), self.ops.namespace)
        rows = chosen_replicas(here, self._match, labels_of=self._labels(picture))
        self.query_one("#totals", Bar).show(() if view.unread else (Span(" "), *totals_line(here)))
        self._show_workloads(chosen_workloads(view.workloads, self.ops.namespace))
        self._show_replicas(ordered(rows, _SORTABLE[self._sort], reverse=self._reverse), of=len(here), view=view)

    def forget(self) -> None:
        self.query_one("#totals", Bar).show(())
        self._show_workloads(())
        self._show_replicas(())

    def _labels(self, picture: Picture) -> Callable[[ReplicaRow], Labels]:
        def labels_of(row: ReplicaRow) -> Labels:
            pod = picture.facts.pods.get((row.namespace, row.pod))  # found out when a filter asks for it
            return pod.metadata.labels if pod else NO_LABELS

        return labels_of

    def _show_workloads(self, rows: Sequence[WorkloadRow]) -> None:
        table = self.workloads
        table.display = bool(rows)
        short = sum(row.ready < row.desired for row in rows)
        truth = self.truth_of(Source.DEPLOYMENTS, Source.STATEFULSETS, Source.AUTOSCALERS, Source.SCALED_OBJECTS)
        titled(table, f"Workloads {len(rows)}", f"{short} short of replicas" if short else "", truth=truth)
        table.styles.height = min(len(rows), 8 if self.size.height >= 34 else 4) + 2
        table.show(rows)

    def _show_replicas(self, rows: Sequence[ReplicaRow], *, of: int = 0, view: FleetView | None = None) -> None:
        many = view is not None and not self.ops.namespace and len({row.namespace for row in view.replicas}) > 1
        filtered = f" of {of} · {self.filter_title}" if self._match.typed else ""
        counted = "" if view is None or view.unread else f" {len(rows)}{' so far' if view.partial else ''}"
        folded = len(view.groups) if view is not None and self._grouped else 0
        titled(
            self.replicas,
            f"Replicas{counted}{filtered}",
            f"{folded} groups folded: z unfolds" if folded else "",
            truth=self.truth_of(Source.PODS, Source.METRICS, Source.DCGM, Source.LOGS),
        )
        usual = ALL_REPLICA_COLUMNS if many else REPLICA_COLUMNS
        self.replicas.show(
            rows,
            columns=self.ops.columns_of(self.crumb, ALL_REPLICA_COLUMNS, usual),
            sorted_by=(self._sort, self._reverse),
            wanted=self.ops.picture.widths if self.ops.picture else None,
            placeholder=self._why_none(of, view),
            recent=self.ops.picture.recent if self.ops.picture else None,
        )

    def _why_none(self, unfiltered: int, view: FleetView | None) -> Line:
        if self.ops.failure is not None:
            return (Span("not connected: r tries again, c chooses another context", Tone.WARN),)
        unread = None if view is None else view.unread
        if view is None or unread is not None:
            return unread_line(unread)
        if unfiltered:
            return (Span(f"none of {unfiltered} replicas matches {self.filter_title}: esc clears the filter"),)
        place = f"namespace {self.ops.namespace}" if self.ops.namespace else "any namespace"
        return (Span(f"no vLLM replicas in {place}", Tone.STRONG), Span(" · n: namespace · c: context", Tone.DIM))

    def on_table_moved(self, event: Table.Moved) -> None:
        self.tell_cursor()
        if event.table.id == "replicas":
            visible = self.replicas.visible_rows()
            self.ops.focus_scrapes({(row.namespace, row.pod) for row in visible})

    def tell_cursor(self) -> None:
        told: Line = ()
        if self.focused is self.workloads and (workload := self.workloads.current):
            told = workload_cursor_line(workload)
        elif replica := self.replicas.current:
            told = cursor_line(replica, self._why_slow(replica))
        self.query_one("#cursor", Bar).show((Span(" "), *told))

    def _why_slow(self, row: ReplicaRow) -> Line:
        """Why the replica under the cursor is slow, where it serves and its numbers are current."""
        facts = self.ops.picture.facts if self.ops.picture else None
        replica = facts.replica(row.namespace, row.pod) if facts and is_slow(row) else None
        if replica is None or row.folded:
            return ()
        # Only here is anything judged: loading the rules shall not delay the first paint.
        from vops.diagnosis.slowness import slowness
        from vops.render.slowness import slowness_line

        found = slowness(replica)
        return slowness_line(found) if found.part is not None else ()

    def on_descendant_focus(self) -> None:
        self.tell_cursor()

    # --- keys ---

    @property
    def subject(self) -> Ref | None:
        """What a key press is about: the row under the cursor of the focused table, with its uid."""
        table: Table[Any] = self.workloads if self.focused is self.workloads else self.replicas
        row: ReplicaRow | WorkloadRow | None = table.current
        return row.ref if row else None

    def _subject(self) -> Ref | None:
        """The subject; says so when there is none."""
        found = self.subject
        if found is None:
            self.ops.tell("no row under the cursor")
        return found

    def action_open(self) -> None:
        if subject := self._subject():
            self.post_message(ReplicaAsked(subject) if subject.kind == "Pod" else WorkloadAsked(subject))

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

    def action_group(self) -> None:
        """Folds groups to a row each, or unfolds them."""
        self._grouped = not self._grouped
        self.again()

    def action_swap(self) -> None:
        other = self.replicas if self.focused is self.workloads else self.workloads
        if other.display:
            other.focus()
