"""Events as a timeline: the same reason and message about one object once, with how often and when it was last seen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from vops.model.objects import Ref
from vops.model.resources import Event
from vops.model.text import one_line
from vops.render import units
from vops.render.cells import Cell, Column
from vops.render.text import Line, Span, Tone, line

_LONGEST = 300


class EventRow(msgspec.Struct, frozen=True, gc=False):
    """What happened to one object, `times` over; `age_s` since it happened last."""

    kind: str
    namespace: str
    name: str
    uid: str
    type: str
    reason: str
    message: str
    times: int
    last_seen: datetime | None
    age_s: float | None
    source: str = ""

    @property
    def key(self) -> str:
        return f"{self.uid}/{self.kind}/{self.namespace}/{self.name}/{self.type}/{self.reason}/{self.message}"

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.name, self.namespace, self.uid)

    @property
    def dim(self) -> bool:
        return False

    @property
    def remark(self) -> Span | None:
        return None

    @property
    def warns(self) -> bool:
        return self.type == "Warning"


def event_rows(events: Iterable[Event], now: datetime) -> list[EventRow]:
    """Events of any objects, merged, the newest first."""
    merged: dict[tuple[str, ...], tuple[int, datetime | None, Event]] = {}
    for event in events:
        about = event.involved_object
        key = (about.kind, about.namespace, about.name, event.type, event.reason, event.message)
        times, seen, _ = merged.get(key, (0, None, event))
        merged[key] = (times + event.times, _later(seen, event.last_seen), event)
    rows = (_row(event, times, seen, now) for times, seen, event in merged.values())
    return sorted(rows, key=lambda row: row.age_s if row.age_s is not None else float("inf"))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def _row(event: Event, times: int, seen: datetime | None, now: datetime) -> EventRow:
    about = event.involved_object
    return EventRow(
        kind=about.kind,
        namespace=about.namespace,
        name=about.name,
        uid=about.uid,
        type=event.type,
        reason=event.reason,
        message=one_line(event.message, _LONGEST),
        times=times,
        last_seen=seen,
        age_s=units.age_s(seen, now),
        source=event.source.component or event.reporting_component,
    )


def event_line(row: EventRow) -> Line:
    """One event in full, for the line under the table."""
    place = f"{row.namespace}/{row.name}" if row.namespace else row.name
    said_by = (Span(f"  {row.source}", Tone.DIM),) if row.source else ()
    return line(Span(f"{row.kind} {place}", Tone.STRONG), *said_by, Span(f"  {row.message}"))


def _tone(row: EventRow) -> Tone:
    return Tone.WARN if row.warns else Tone.PLAIN


EVENT_COLUMNS: tuple[Column[EventRow], ...] = (
    Column(
        "last", "LAST", 7, lambda row: Cell(units.duration(row.age_s), Tone.DIM), lambda row: row.age_s, right=True,
        about="how long ago it was last seen",
    ),
    Column(
        "type", "TYPE", 9, lambda row: Cell("▲ warning" if row.warns else "  normal", _tone(row)),
        lambda row: row.type, rank=4, about="normal, or a warning",
    ),
    Column(
        "reason", "REASON", 12, lambda row: Cell(row.reason, _tone(row)), lambda row: row.reason, limit=26,
        about="what the component calls it",
    ),
    Column(
        "object", "OBJECT", 18, lambda row: Cell(f"{row.kind.lower()}/{row.name}", Tone.STRONG),
        lambda row: (row.kind, row.name), limit=60, keep_end=True, about="what it is about",
    ),
    Column(
        "namespace", "NAMESPACE", 9, lambda row: Cell(row.namespace or units.UNKNOWN, Tone.DIM),
        lambda row: row.namespace, limit=20, rank=5, about="where that is",
    ),
    Column(
        "times", "×", 4, lambda row: Cell(units.count(row.times), Tone.STRONG if row.times > 1 else Tone.DIM),
        lambda row: row.times, right=True, rank=2, about="how often it was seen",
    ),
    Column(
        "message", "MESSAGE", 22, lambda row: Cell(row.message), lambda row: row.message, limit=_LONGEST, rank=3,
        about="in its own words",
    ),
)  # fmt: skip
