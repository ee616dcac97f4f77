"""From an observer to pictures: reads it when it has news, joins it off the loop, at a pace the machine can keep.

What should be seen at once (a replica's pod, a source that fails) is; numbers, which a large fleet has new ones of all
the time, make one picture a second. Joining happens in a thread, never takes more than a quarter of the time, and does
again only what has changed, so that a key press finds the loop free.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts, Replica
from vops.diagnosis.states import ReplicaState
from vops.model.network import Service
from vops.model.snapshot import ClusterSnapshot, Source
from vops.operations.observation.log_peek import ROUND_S, LogPeek
from vops.ports import Clock, Cost
from vops.render.cells import widths
from vops.render.fleet_facts import RowMemory, fleet_view
from vops.render.fleet_rows import FleetView, ReplicaRow, Verdict
from vops.render.fleet_table import ALL_REPLICA_COLUMNS
from vops.render.history import History, Track
from vops.render.nodes import GpuHours, node_rows
from vops.tui.rewind import Ring

SHORTEST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 1.0
REST_FACTOR = 3.0
VERDICTS_A_ROUND = 10
WAYS_A_ROUND = 100
"""So many replicas a picture are asked whether their Services lead to them: the rest in the next ones."""
STILL_SHOWN = 2
"""So many of the last pictures may be on the screen: the newest is on its way to it."""
COUNT_EVERY_S = 15.0

_FAILING = frozenset(ReplicaState) - {
    ReplicaState.READY,
    ReplicaState.LOADING,
    ReplicaState.TERMINATING,
    ReplicaState.COMPLETED,
}
_AROUND = frozenset((Source.NODES, Source.DEPLOYMENTS, Source.REPLICASETS, Source.STATEFULSETS, Source.EVENTS))
"""What a verdict is made with beside the pod: when one of them comes later, it is made again."""

Prepare = Callable[[Facts], object]
"""Derives what one screen needs beside the rows of the fleet."""


class Observing(Protocol):
    """What the TUI needs of an observer."""

    async def run(self) -> None: ...

    @property
    def pressing(self) -> int: ...

    async def press(self, pressing: int) -> int: ...

    def snapshot(self) -> ClusterSnapshot: ...

    def focus(self, visible: set[tuple[str, str]]) -> None: ...

    def cost(self) -> Cost: ...


@dataclass(frozen=True)
class Picture:
    """One instant, joined and turned into rows; `widths` of the replicas' columns, `pasts` by the key of a row."""

    facts: Facts
    view: FleetView
    widths: dict[str, int] = field(default_factory=dict)
    pasts: Mapping[str, Track] = field(default_factory=dict)
    prepared: Mapping[str, object] = field(default_factory=dict)
    gpu_hours: GpuHours = field(default_factory=GpuHours)
    until: datetime | None = None
    """Of an earlier instant: when it was."""

    def history(self, key: str) -> History:
        """The recent numbers of one replica."""
        return self.pasts[key].history(self.view.at) if key in self.pasts else History()

    def hour(self, key: str) -> History:
        """The last hour of one replica's numbers, as far as it was looked at."""
        return self.pasts[key].hour(self.view.at) if key in self.pasts else History()

    def recent(self, key: str, series: str, count: int) -> list[float | None]:
        """The last values of one number of one replica."""
        return self.pasts[key].tail(series, count, self.until) if key in self.pasts else []


class Feed:
    """Publishes a picture when the observer has pressing news, and once a second of what else there is."""

    def __init__(self, observer: Observing, peek: LogPeek, clock: Clock, publish: Callable[[Picture], None]) -> None:
        self._observer, self._peek, self._clock, self._publish = observer, peek, clock, publish
        self._painter = Painter()
        self._thread = ThreadPoolExecutor(1, "painter")
        """One for all pictures: each thread that allocates keeps memory of its own."""
        self._nudge = asyncio.Event()

    @property
    def ring(self) -> Ring:
        """The last hour."""
        return self._painter.ring

    def prepare(self, wanted: Mapping[str, Prepare]) -> None:
        """Has pictures bring what `wanted` derives, too."""
        self._painter.wanted = dict(wanted)

    def nudge(self) -> None:
        """Asks for a picture now."""
        self._nudge.set()

    async def run(self) -> None:
        """Publishes for ever, and reads the logs of what does not serve beside it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._publish_all())
                tasks.create_task(self._peek_all())
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _peek_all(self) -> None:
        while True:
            if await self._peek.look(self._observer.snapshot().pods):
                self.nudge()
            await self._clock.sleep(ROUND_S)

    async def _publish_all(self) -> None:
        loop = asyncio.get_running_loop()  # the machine's time: it is the machine that is to rest
        while True:
            began, seen = loop.time(), self._observer.pressing
            self._nudge.clear()
            seen_now = self._peek.onto(self._observer.snapshot())
            picture = await loop.run_in_executor(self._thread, self._painter.picture, seen_now)
            self._publish(picture)
            if picture.view.unread is None:  # the first rows shall not wait because nothing was painted before them
                await asyncio.sleep(max(SHORTEST_PAUSE_S, REST_FACTOR * (loop.time() - began)))
            if not self._painter.behind:
                await self._news(seen, LONGEST_PAUSE_S - (loop.time() - began))

    async def _news(self, seen: int, longest_s: float) -> None:
        """Waits for what should be seen at once."""
        waiting = {asyncio.ensure_future(self._observer.press(seen)), asyncio.ensure_future(self._nudge.wait())}
        try:
            await asyncio.wait(waiting, timeout=max(0.0, longest_s), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()


class Painter:
    """Joins snapshots into pictures and remembers what one snapshot does not hold: verdicts and the recent past."""

    def __init__(self) -> None:
        self._verdicts: dict[str, tuple[object, Verdict]] = {}
        self._facts: deque[Facts] = deque()
        self._rows = RowMemory()
        self._widths: dict[str, int] = {}
        self._pasts: dict[str, Track] = {}
        self._gpu_hours, self._counted_at = GpuHours(), datetime.min.replace(tzinfo=UTC)
        self.wanted: Mapping[str, Prepare] = {}
        self._misses: dict[str, tuple[object, bool]] = {}
        self.behind = False
        """More replicas have changed than one picture has had the time to diagnose."""
        self.ring = Ring()

    def picture(self, snapshot: ClusterSnapshot) -> Picture:
        """Everything that the screens show of one snapshot, each later than the one before."""
        facts = self._later(snapshot)
        complete = snapshot.source(Source.PODS).usable
        if complete:
            self._judge(facts.replicas)
        view = fleet_view(facts, {uid: verdict for uid, (_, verdict) in self._verdicts.items()}, self._rows)
        self._count_gpus(facts)
        if complete:
            self.ring.take(snapshot)
        self._widen((*self._rows.fresh, *view.groups))
        return replace(self._joined(facts, view, self._remember(view)), widths=self._widths)

    def _later(self, snapshot: ClusterSnapshot) -> Facts:
        """Facts after the last ones; those before the last are on no screen any more."""
        facts = Facts(snapshot, self._facts[-1] if self._facts else None)
        self._facts.append(facts)
        while len(self._facts) > STILL_SHOWN:
            self._facts.popleft().forget()
        return facts

    def _widen(self, rows: Sequence[ReplicaRow]) -> None:
        """Columns that have had to be wider stay so: the next long name shall not move them all again."""
        grown = widths(ALL_REPLICA_COLUMNS, rows)
        self._widths = {key: max(width, self._widths.get(key, 0)) for key, width in grown.items()}

    def replayed(self, snapshot: ClusterSnapshot) -> Picture:
        """An instant of a recording; numbers are remembered in the order in which instants are shown."""
        picture = self.past(snapshot, {})
        return replace(picture, pasts=self._remember(picture.view))

    def past(self, snapshot: ClusterSnapshot, pasts: Mapping[str, Track]) -> Picture:
        """An earlier instant, with what is remembered of the time before it."""
        facts = Facts(snapshot)
        self._judge(facts.replicas)
        view = fleet_view(facts, {uid: verdict for uid, (_, verdict) in self._verdicts.items()})
        needed = widths(ALL_REPLICA_COLUMNS, view.grouped)
        return replace(self._joined(facts, view, pasts), widths=needed, until=snapshot.at)

    def _joined(self, facts: Facts, view: FleetView, pasts: Mapping[str, Track]) -> Picture:
        prepared = {name: derive(facts) for name, derive in self.wanted.items()}
        return Picture(facts, view, {}, pasts, prepared, self._gpu_hours)

    def _count_gpus(self, facts: Facts) -> None:
        """Adds up what GPUs are left alone, a few times a minute: it joins all pods with all nodes."""
        now = facts.snapshot.at
        if (now - self._counted_at).total_seconds() >= COUNT_EVERY_S and facts.snapshot.nodes:
            self._counted_at = now
            self._gpu_hours.add(node_rows(facts), now)

    def _judge(self, replicas: tuple[Replica, ...]) -> None:
        """Diagnoses those that fail, each again only when it changed, a few a round."""
        sources = replicas[0].facts.snapshot.sources if replicas else ()
        usable = frozenset(item.source for item in sources if item.source in _AROUND and item.usable)
        failing = {item.pod.metadata.uid: item for item in replicas if item.state in _FAILING}
        failing |= {item.pod.metadata.uid: item for item in self._unreached(replicas)}
        self._verdicts = {uid: known for uid, known in self._verdicts.items() if uid in failing}
        budget, self.behind = VERDICTS_A_ROUND, False
        for uid, replica in failing.items():
            stamp = usable, _stamp(replica), self._misses.get(uid)
            if self._verdicts.get(uid, (None,))[0] == stamp:
                continue
            if not budget:
                self.behind = True
                return
            budget -= 1
            self._verdicts[uid] = (stamp, verdict_of(replica))

    def _unreached(self, replicas: tuple[Replica, ...]) -> list[Replica]:
        """Those that are ready and no Service gets to; each is asked again when it or a Service has changed."""
        snapshot = replicas[0].facts.snapshot if replicas else None
        if snapshot is None or not snapshot.source(Source.SERVICES).usable:
            return []
        # Loading the rules shall not delay the first paint, and then there is nothing to ask about yet.
        from vops.diagnosis.rules.network.service_mismatch import misses

        services = hash(tuple(id(item) for item in snapshot.related if isinstance(item, Service)))
        known, self._misses, budget = self._misses, {}, WAYS_A_ROUND
        for replica in replicas:
            meta = replica.pod.metadata
            stamp, before = (meta.resource_version, services), known.get(meta.uid)
            if replica.state is not ReplicaState.READY:
                continue
            if before is not None and (before[0] == stamp or not budget):
                self._misses[meta.uid] = before
            elif budget:
                budget -= 1
                self._misses[meta.uid] = stamp, misses(replica)
        return [item for item in replicas if self._misses.get(item.pod.metadata.uid, (None, False))[1]]

    def _remember(self, view: FleetView) -> Mapping[str, Track]:
        rows = (*view.replicas, *view.groups)
        self._pasts = {row.key: self._pasts.get(row.key) or Track() for row in rows}
        for row in rows:
            self._pasts[row.key].add(row, view.at)
        return self._pasts


def _stamp(replica: Replica) -> object:
    """Changes when there may be something new to say about a replica."""
    log, previous = replica.log_source(previous=False), replica.log_source(previous=True)
    return (
        replica.pod.metadata.resource_version,
        len(replica.events),
        len(log.text) if log else None,
        len(previous.text) if previous else None,
    )


def verdict_of(replica: Replica) -> Verdict:
    """What diagnosing says about a replica, in one line."""
    report = diagnose(replica.facts, replica.ref)
    first = report.findings[0] if report.findings else None
    count = sum(not item.guessed for item in report.findings)
    return Verdict(count, first.cause if first else "", first.summary if first else "")
