"""Nodes and GPUs: what there is, who holds it, how it does, what waits for it, and what nobody uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from vops.diagnosis.facts import Facts
from vops.model.objects import Ref
from vops.model.snapshot import Source
from vops.render.nodes import NodeRow, NodesView, nodes_view
from vops.render.nodes_table import NODE_COLUMNS, gpu_lines, node_line, pending_lines, totals_line
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.messages import ReplicaAsked
from vops.tui.screens.base import titled
from vops.tui.screens.listing import LIST_KEYS, ListScreen
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.lines import Lines
from vops.tui.widgets.table import Table


class NodesScreen(ListScreen[NodeRow], inherit_bindings=False):
    """The table of nodes, the GPUs of the one under the cursor, and the pods that wait."""

    crumb = "nodes"
    noun = "GPU nodes"
    columns = NODE_COLUMNS
    first_sort = "node"
    sources = (Source.NODES, Source.PODS, Source.DCGM)
    biggest_first = frozenset({"held", "free", "util", "memory", "temperature", "power", "xid", "unused", "free_h",
                               "unused_h"})  # fmt: skip
    CSS_PATH = "nodes.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Fleet on it", id="nodes.open", tooltip="The replicas on this node"),
        Binding("p", "pending", "Waiting pod", id="nodes.pending", tooltip="The pod that has waited longest"),
        Binding("tab", "turn", "Next pane", show=False, id="nodes.next"),
        *LIST_KEYS,
    ]

    @staticmethod
    def prepare(facts: Facts) -> NodesView:
        return nodes_view(facts)

    def above(self) -> Iterable[Widget]:
        yield Bar(widget_id="totals")

    def below(self) -> Iterable[Widget]:
        yield Container(Lines(wrap=False, widget_id="gpus"), Lines(widget_id="pending"), id="details")

    def seen(self, picture: Picture) -> NodesView | None:
        """What was prepared for this screen; None until the next picture."""
        found = picture.prepared.get(self.crumb)
        return found if isinstance(found, NodesView) else None

    def rows(self, picture: Picture) -> Sequence[NodeRow]:
        seen = self.seen(picture)
        return picture.gpu_hours.onto(seen.nodes, self.ops.settings.tui.gpu_prices_per_hour) if seen else ()

    def repaint(self, picture: Picture) -> None:
        super().repaint(picture)
        seen = self.seen(picture)
        rows = self.rows(picture)
        currency = self.ops.settings.tui.currency
        self.query_one("#totals", Bar).show((Span(" "), *totals_line(rows, currency)) if seen else ())
        pending = seen.pending if seen else ()
        waiting, hint = f"Waiting for a GPU {len(pending)}", "p opens the first" if pending else ""
        titled(self.query_one("#pending"), waiting, hint, truth=self.truth_of(Source.PODS, Source.EVENTS))
        self.query_one("#pending", Lines).show(pending_lines(pending) if seen else [])

    def nothing(self, picture: Picture) -> Line:
        seen = self.seen(picture)
        if seen is None:
            return (Span("LOADING nodes…", Tone.ACCENT),)
        if not seen.readable:
            return (Span("these credentials may not list nodes", Tone.BAD), Span("  vops doctor names the Role"))
        return (Span("no node has a GPU", Tone.STRONG),)

    def told(self, row: NodeRow) -> Line:
        return node_line(row)

    def ref_of(self, row: NodeRow) -> Ref:
        return row.ref

    def tell_cursor(self) -> None:
        super().tell_cursor()
        row = self.table.current
        truth = self.truth_of(Source.DCGM)
        titled(self.query_one("#gpus"), f"GPUs of {row.node}" if row else "GPUs", truth=truth)
        self.query_one("#gpus", Lines).show(gpu_lines(row) if row else [])

    def on_table_moved(self, event: Table.Moved) -> None:
        self.tell_cursor()

    def action_open(self) -> None:
        """The fleet, narrowed to what runs on the node."""
        if (row := self.table.current) is not None:
            self.ops.open("fleet", typed=rf"\b{row.node}\b")

    def action_pending(self) -> None:
        picture = self.ops.picture
        seen = self.seen(picture) if picture else None
        if seen and seen.pending:
            self.post_message(ReplicaAsked(seen.pending[0].ref))
        else:
            self.ops.tell("no pod waits for a GPU")

    def action_turn(self) -> None:
        self.focus_next()
