"""Events of everything as one timeline, repeated ones once; enter goes to what one is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from vops.diagnosis.facts import Facts
from vops.model.objects import Ref
from vops.model.snapshot import Source
from vops.render.events_table import EVENT_COLUMNS, EventRow, event_line, event_rows
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.messages import DiagnosisAsked, ReplicaAsked
from vops.tui.screens.listing import LIST_KEYS, ListScreen

_TO_DIAGNOSE = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


class EventsScreen(ListScreen[EventRow], inherit_bindings=False):
    """The newest first; `W` keeps the warnings only."""

    crumb = "events"
    noun = "Events"
    columns = EVENT_COLUMNS
    first_sort = "last"
    biggest_first = frozenset({"times"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="events.open", tooltip="The replica or workload that it is about"),
        Binding("W", "warnings", "Warnings only", id="events.warnings"),
        *LIST_KEYS,
    ]

    def __init__(self, typed: str = "") -> None:
        super().__init__(typed)
        self._warnings_only = False

    @staticmethod
    def prepare(facts: Facts) -> Sequence[EventRow]:
        return event_rows(facts.snapshot.events, facts.snapshot.at)

    def rows(self, picture: Picture) -> Sequence[EventRow]:
        found = picture.prepared.get(self.crumb)
        rows: Sequence[EventRow] = found if isinstance(found, list) else []
        place = self.ops.namespace
        return [row for row in rows if (not place or row.namespace == place) and (row.warns or not self._warnings_only)]

    def note(self, picture: Picture) -> str:
        return "warnings only: W shows all" if self._warnings_only else ""

    def nothing(self, picture: Picture) -> Line:
        if self.crumb not in picture.prepared:
            return (Span("LOADING events…", Tone.ACCENT),)
        if not picture.facts.snapshot.source(Source.EVENTS).usable:
            return (Span("events cannot be read", Tone.BAD), Span("  vops doctor names the Role that allows it"))
        return (Span("no events", Tone.STRONG), Span("  the API server keeps them for an hour", Tone.DIM))

    def told(self, row: EventRow) -> Line:
        return event_line(row)

    def ref_of(self, row: EventRow) -> Ref:
        return row.ref

    def action_open(self) -> None:
        row, picture = self.table.current, self.ops.picture
        if row is None or picture is None:
            return
        if row.kind == "Pod" and picture.facts.replica(row.namespace, row.name) is not None:
            self.post_message(ReplicaAsked(row.ref))
        elif row.kind in _TO_DIAGNOSE:
            self.post_message(DiagnosisAsked(row.ref))
        else:
            self.ops.tell(f"{row.kind.lower()}/{row.name} has no screen of its own")

    def action_warnings(self) -> None:
        self._warnings_only = not self._warnings_only
        self.again()
