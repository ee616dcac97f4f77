"""The fleet: workloads above, every replica below, and in one line what the row under the cursor is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.model.objects import Ref
from vops.model.snapshot import Source
from vops.render.cells import ordered
from vops.render.filters import Match, chosen_replicas, chosen_workloads
from vops.render.fleet_rows import ReplicaRow, WorkloadRow
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
from vops.render.placed import CONTEXT, WORKLOAD_CONTEXT, context_of
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.messages import DiagnosisAsked, FixAsked, LogsAsked, ReplicaAsked, WorkloadAsked
from vops.tui.screens.base import not_connected, titled
from vops.tui.screens.listing import LIST_KEYS, ListScreen
from vops.tui.together import Fleet
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.table import Table

_SORTABLE = {column.key: column for column in (CONTEXT, *ALL_REPLICA_COLUMNS)}


LEAST_BESIDE = 13
"""Rows that workloads leave to everything else: bars, their own head, and four replicas with theirs."""


class FleetScreen(ListScreen[ReplicaRow], inherit_bindings=False):
    """Keys act on the row that is under the cursor when they are pressed."""

    crumb = "fleet"
    noun = "Replicas"
    columns = (CONTEXT, *ALL_REPLICA_COLUMNS)
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
        fleet = self.ops.fleet(picture, grouped=self._grouped)
        here = chosen_replicas(fleet.replicas, Match(), self.ops.namespace)
        rows = chosen_replicas(here, self._match, labels_of=fleet.labels_of)
        self.query_one("#totals", Bar).show(() if fleet.unread else (Span(" "), *totals_line(here)))
        self._show_workloads(chosen_workloads(fleet.workloads, self.ops.namespace))
        self._show_replicas(ordered(rows, _SORTABLE[self._sort], reverse=self._reverse), here, fleet)

    def forget(self) -> None:
        self.query_one("#totals", Bar).show(())
        self._show_workloads(())
        self._show_replicas(())

    def _show_workloads(self, rows: Sequence[WorkloadRow]) -> None:
        table = self.workloads
        shown = min(len(rows), 8 if self.size.height >= 34 else 4, self.size.height - LEAST_BESIDE)
        table.display = shown > 0
        short = sum(row.ready < row.desired for row in rows)
        truth = self.truth_of(Source.DEPLOYMENTS, Source.STATEFULSETS, Source.AUTOSCALERS, Source.SCALED_OBJECTS)
        titled(table, f"Workloads {len(rows)}", f"{short} short of replicas" if short else "", truth=truth)
        table.styles.height = max(1, shown) + 2
        table.show(rows, columns=(WORKLOAD_CONTEXT, *WORKLOAD_COLUMNS) if self.ops.merged else WORKLOAD_COLUMNS)

    def _show_replicas(
        self, rows: Sequence[ReplicaRow], here: Sequence[ReplicaRow] = (), fleet: Fleet | None = None
    ) -> None:
        filtered = f" of {len(here)} · {self.filter_title}" if self._match.typed else ""
        counted = "" if fleet is None or fleet.unread else f" {len(rows)}{' so far' if fleet.partial else ''}"
        folded = fleet.folded if fleet is not None else 0
        titled(
            self.replicas,
            f"Replicas{counted}{filtered}",
            f"{folded} groups folded: z unfolds" if folded else "",
            truth=self.truth_of(Source.PODS, Source.METRICS, Source.DCGM, Source.LOGS),
        )
        many = not self.ops.namespace and len({row.namespace for row in here}) > 1
        usual = ALL_REPLICA_COLUMNS if many else REPLICA_COLUMNS
        self.replicas.show(
            rows,
            columns=self.ops.columns_of(self.crumb, self.columns, (CONTEXT, *usual) if self.ops.merged else usual),
            sorted_by=(self._sort, self._reverse),
            wanted=fleet.widths if fleet else None,
            placeholder=self._why_none(len(here), fleet),
            recent=fleet.recent if fleet else None,
        )

    def _why_none(self, unfiltered: int, fleet: Fleet | None) -> Sequence[Line]:
        if self.ops.failure is not None:
            return not_connected(self.ops.failure)
        unread = None if fleet is None else fleet.unread
        if fleet is None or unread is not None:
            return [unread_line(unread)]
        if unfiltered:
            return [(Span(f"none of {unfiltered} replicas matches {self.filter_title}: esc clears the filter"),)]
        place = f"namespace {self.ops.namespace}" if self.ops.namespace else "any namespace"
        return [(Span(f"no vLLM replicas in {place}", Tone.STRONG), Span(" · n: namespace · c: context", Tone.DIM))]

    def on_table_moved(self, event: Table.Moved) -> None:
        self.tell_cursor()
        if event.table.id == "replicas":
            self.ops.focus_scrapes(self.replicas.visible_rows())

    def tell_cursor(self) -> None:
        self._enter()
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
        from vops.diagnosis.serving.slowness import slowness
        from vops.render.slowness import slowness_line

        found = slowness(replica)
        return slowness_line(found) if found.part is not None else ()

    def on_descendant_focus(self) -> None:
        self.tell_cursor()

    # --- keys ---

    @property
    def _row(self) -> ReplicaRow | WorkloadRow | None:
        """The row under the cursor of the focused table."""
        table: Table[Any] = self.workloads if self.focused is self.workloads else self.replicas
        row: ReplicaRow | WorkloadRow | None = table.current
        return row

    @property
    def subject(self) -> Ref | None:
        """What a key press is about: the row under the cursor, with its uid."""
        row = self._row
        return row.ref if row else None

    def _enter(self) -> None:
        """What is asked for from here is asked of the context of the row under the cursor."""
        if self.is_current:
            self.ops.enter(context_of(self._row))

    def ask(self, sign: str, text: str = "") -> None:
        self._enter()
        super().ask(sign, text)

    def truth_of(self, *sources: Source) -> Line:
        """Of several contexts the line at the bottom tells it."""
        return () if self.ops.merged else super().truth_of(*sources)

    def _subject(self) -> Ref | None:
        """The subject; says so when there is none."""
        self._enter()
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
