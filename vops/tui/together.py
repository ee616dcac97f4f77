"""Several contexts at once: their connections, the newest picture of each, and all their replicas in one table.

One of them is the present one: that of the row under the cursor. Every other screen knows only the present one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from vops.errors import VopsError
from vops.model.snapshot import SourceStatus
from vops.render.filters import NO_LABELS, Labels
from vops.render.fleet_rows import ReplicaRow, WorkloadRow
from vops.render.placed import BETWEEN, Placing, context_of
from vops.render.text import Line
from vops.render.truth import ContextState, contexts_line, outages_line
from vops.tui.connection import Connection
from vops.tui.contexts import label_of
from vops.tui.feed import Picture

Recent = Callable[[str, str, int], "list[float | None]"]


class Fleet(NamedTuple):
    """What the first screen shows: of one picture, or of those of several contexts.

    `unread` is the state of the pods while nobody has said which there are; `widths` are known of one picture only.
    """

    replicas: Sequence[ReplicaRow]
    workloads: Sequence[WorkloadRow]
    folded: int
    unread: SourceStatus | None
    partial: bool
    widths: dict[str, int] | None
    recent: Recent
    labels_of: Callable[[ReplicaRow], Labels]


def fleet_of(picture: Picture, *, grouped: bool) -> Fleet:
    """The fleet of one context."""
    view = picture.view
    rows = view.grouped if grouped else (*view.replicas, *view.ranks)
    folded = len(view.groups) if grouped else 0
    labels = _labels(picture)
    return Fleet(rows, view.workloads, folded, view.unread, view.partial, picture.widths, picture.recent, labels)


def _labels(picture: Picture) -> Callable[[ReplicaRow], Labels]:
    def labels_of(row: ReplicaRow) -> Labels:
        pod = picture.facts.pods.get((row.namespace, row.pod))  # found out when a filter asks for it
        return pod.metadata.labels if pod else NO_LABELS

    return labels_of


class _Seen:
    """What is known of one context."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.picture: Picture | None = None
        self.shown: Picture | None = None
        """That of the instant that is shown."""
        self.failure: VopsError | None = None
        self.placing = Placing("")

    @property
    def label(self) -> str:
        return label_of(self.connection)

    def fleet(self, *, grouped: bool) -> Fleet | None:
        """Its rows, placed; None before there are any."""
        if self.shown is None:
            return None
        if self.placing.context != self.label:
            self.placing = Placing(self.label)
        plain = fleet_of(self.shown, grouped=grouped)
        place = self.placing.rows
        return plain._replace(replicas=place(plain.replicas), workloads=place(plain.workloads))

    @property
    def state(self) -> ContextState:
        sources = self.shown.view.sources if self.shown else ()
        if self.failure is not None:
            return ContextState(self.label, sources, self.failure.message, self.failure.hint)
        return ContextState(self.label, sources)


class Together:
    """The contexts that are open, in the order in which they were asked for."""

    def __init__(self, connections: Iterable[Connection]) -> None:
        self._seen = {connection: _Seen(connection) for connection in connections}
        self._past = False

    @property
    def connections(self) -> tuple[Connection, ...]:
        return tuple(self._seen)

    @property
    def several(self) -> bool:
        return len(self._seen) > 1

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._seen

    def replace(self, old: Connection, new: Connection) -> None:
        """`new` in the place of `old`; what was seen is forgotten."""
        self._seen = {
            (new if item is old else item): (_Seen(new) if item is old else seen) for item, seen in self._seen.items()
        }

    def take(self, connection: Connection, picture: Picture) -> None:
        seen = self._seen[connection]
        seen.picture, seen.failure = picture, None
        if not self._past:
            seen.shown = picture

    def fail(self, connection: Connection, error: VopsError) -> None:
        self._seen[connection].failure = error

    def picture(self, connection: Connection) -> Picture | None:
        """The newest one."""
        return self._seen[connection].picture

    def shown(self, connection: Connection) -> Picture | None:
        """That of the instant that is shown."""
        return self._seen[connection].shown

    def go_back(self, pictures: Mapping[Connection, Picture] | None) -> None:
        """Shows an earlier instant: of those that were looked at by then. None: the newest there is."""
        self._past = pictures is not None
        for connection, seen in self._seen.items():
            seen.shown = seen.picture if pictures is None else pictures.get(connection)

    def failure(self, connection: Connection) -> VopsError | None:
        return self._seen[connection].failure

    @property
    def failed(self) -> list[Connection]:
        """Those that could not be opened, or could not go on."""
        return [connection for connection, seen in self._seen.items() if seen.failure is not None]

    def first_seen(self) -> Connection | None:
        """The first one that there is a picture of."""
        return next((connection for connection, seen in self._seen.items() if seen.picture is not None), None)

    def named(self, context: str) -> Connection | None:
        """The connection of the context that a row is in."""
        return next((connection for connection in self._seen if label_of(connection) == context), None)

    # --- all in one ---

    def fleet(self, *, grouped: bool) -> Fleet:
        """The rows of all contexts that there is a picture of."""
        fleets = {seen.label: fleet for seen in self._seen.values() if (fleet := seen.fleet(grouped=grouped))}
        unread = [fleet.unread for fleet in fleets.values()]

        def recent(key: str, series: str, count: int) -> list[float | None]:
            context, _, inner = key.partition(BETWEEN)
            return fleets[context].recent(inner, series, count) if context in fleets else []

        def labels_of(row: ReplicaRow) -> Labels:
            there = fleets.get(context_of(row))
            return there.labels_of(row) if there else NO_LABELS

        return Fleet(
            [row for fleet in fleets.values() for row in fleet.replicas],
            [row for fleet in fleets.values() for row in fleet.workloads],
            sum(fleet.folded for fleet in fleets.values()),
            next(iter(unread), None) if all(unread) else None,
            any(fleet.partial for fleet in fleets.values()),
            None,
            recent,
            labels_of,
        )

    def truth(self, now: datetime) -> Line:
        """The state of each context."""
        return contexts_line([seen.state for seen in self._seen.values()], now)

    def outage(self, now: datetime) -> Line:
        """What fails, in each context in which something does."""
        return outages_line([seen.state for seen in self._seen.values()], now)

    def focus(self, rows: Iterable[ReplicaRow]) -> None:
        """Tells each observer which of its replicas somebody is looking at."""
        visible: dict[str, set[tuple[str, str]]] = {}
        for row in rows:
            visible.setdefault(context_of(row), set()).add((row.namespace, row.pod))
        for connection in self._seen:
            connection.focus(visible.get(label_of(connection), set()))
