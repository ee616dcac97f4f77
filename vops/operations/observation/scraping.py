"""Whose turn it is to be scraped: what somebody looks at and what is not well first, everything else in its turn.

A fifth of a scarce budget is kept for the rest, so that no replica is ever forgotten. A replica that does not answer
is asked less and less often until its pod changes. Leaves out the asking itself.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from vops.operations.observation.endpoints import Endpoint, EndpointKind, PodKey

GPU_INTERVAL_S = 10.0
LONGEST_BACKOFF_S = 10.0
REST_TURN = 5
COVERED_S = 60.0
GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, modulo 1, fill an interval evenly at any count."""


@dataclass
class Slot:
    """One endpoint's place in the schedule; times by the monotonic clock."""

    endpoint: Endpoint
    key: PodKey
    phase: float = 0.0
    """Its place among the others, from -0.5 to 0.5 intervals after those that were first asked with it."""
    anchor_at: float = -math.inf
    """One of the moments at which its turn comes, an interval apart."""
    due_at: float = -math.inf
    started_at: float = -math.inf
    failures: int = 0
    in_flight: bool = False
    urgent: bool = False
    """Looked at, or a replica that is not well; kept by the schedule, which asks for it ten times a second."""
    covered_until: float = -math.inf
    """Prometheus answers for it until then."""

    @property
    def fresh(self) -> bool:
        """Never asked yet."""
        return self.started_at == -math.inf


@dataclass(frozen=True)
class Pace:
    """Seconds between two samples of one endpoint: of what is urgent, and of the rest."""

    urgent_s: float
    rest_s: float


@dataclass
class Schedule:
    """All endpoints; `interval_s` is what each replica would get without a budget."""

    interval_s: float
    budget_per_s: float
    slots: dict[PodKey, Slot] = field(default_factory=dict)
    visible: frozenset[PodKey] = frozenset()
    _turn: int = 0
    _put: int = -1
    _nodes: frozenset[str] | None = None
    """Those that replicas are on; None when that may have changed."""

    def put(self, endpoint: Endpoint) -> bool:
        """Adds or renews an endpoint. True when another incarnation of it was there: what that one said is void."""
        slot = self.slots.get(endpoint.key)
        self._nodes = None
        if slot is None or slot.endpoint.incarnation != endpoint.incarnation:
            self._put += 1
            self.slots[endpoint.key] = Slot(endpoint, endpoint.key, _phase(self._put))
            self._weigh(self.slots[endpoint.key])
            return slot is not None
        if slot.endpoint.ready != endpoint.ready:
            slot.failures, slot.due_at = 0, -math.inf
        slot.endpoint = endpoint
        self._weigh(slot)
        return False

    def holds(self, slot: Slot) -> bool:
        """Whether the pod that a slot stands for is still the one that is there."""
        return self.slots.get(slot.key) is slot

    def drop(self, key: PodKey) -> bool:
        self._nodes = None
        return self.slots.pop(key, None) is not None

    def focus(self, visible: frozenset[PodKey]) -> None:
        """What is newly looked at is asked at once, if its last answer is older than its interval."""
        nodes = {self.slots[key].endpoint.node for key in visible if key in self.slots}
        exporters = (slot.endpoint for slot in self.slots.values() if slot.endpoint.kind is EndpointKind.GPUS)
        wanted = visible | {endpoint.key for endpoint in exporters if endpoint.node in nodes}
        for key in wanted - self.visible:
            slot = self.slots.get(key)
            if slot is not None and not slot.failures and not slot.in_flight:
                slot.due_at = min(slot.due_at, slot.started_at + self.interval_s)
        changed, self.visible = wanted ^ self.visible, wanted
        for key in changed & self.slots.keys():
            self._weigh(self.slots[key])

    def _weigh(self, slot: Slot) -> None:
        """Settles whether an endpoint is urgent, whenever something that counts for it has changed."""
        endpoint = slot.endpoint
        unwell = endpoint.kind is EndpointKind.ENGINE and (slot.failures > 0 or not endpoint.ready)
        slot.urgent = unwell or slot.key in self.visible

    def due(self, now: float) -> Iterator[Slot]:
        """Everything whose time has come, in the order in which to ask.

        It is asked for ten times a second, and there may be hundreds that the budget keeps waiting: they are gone
        through as far as somebody takes them.
        """
        ready = [slot for slot in self.slots.values() if slot.due_at <= now and not slot.in_flight]
        ready.sort(key=_due_at)
        nodes = self._replica_nodes() if ready else frozenset()
        urgent, rest = deque[Slot](), deque[Slot]()
        for slot in ready:
            if slot.endpoint.kind is EndpointKind.GPUS and slot.endpoint.node not in nodes:
                continue
            if slot.urgent:
                urgent.append(slot)
            elif slot.covered_until <= now:
                rest.append(slot)
        turn = self._turn
        while urgent or rest:
            turn += 1
            from_rest = bool(rest) and (not urgent or turn % REST_TURN == 0)
            yield rest.popleft() if from_rest else urgent.popleft()

    def _replica_nodes(self) -> frozenset[str]:
        """Exporters are asked on these only."""
        if self._nodes is None:
            engines = (slot.endpoint for slot in self.slots.values() if slot.endpoint.kind is EndpointKind.ENGINE)
            self._nodes = frozenset(endpoint.node for endpoint in engines)
        return self._nodes

    def started(self, slot: Slot, now: float) -> None:
        self._turn += 1
        if slot.fresh:
            slot.anchor_at = now + slot.phase * self._plain_interval_s(slot)
        slot.in_flight, slot.started_at, slot.due_at = True, now, math.inf

    def ended(self, slot: Slot, *, answered: bool) -> None:
        """Settles when it is asked again: after its interval, or later and later while it does not answer."""
        slot.in_flight = False
        slot.failures = 0 if answered else slot.failures + 1
        self._weigh(slot)
        interval_s = self._plain_interval_s(slot)
        if slot.failures:
            backoff_s = min(interval_s * 2 ** min(slot.failures, 8), max(LONGEST_BACKOFF_S, interval_s))
            slot.due_at = slot.started_at + backoff_s
        else:
            slot.due_at = _next_moment(slot.anchor_at, interval_s, slot.started_at + interval_s / 2)

    def _plain_interval_s(self, slot: Slot) -> float:
        return GPU_INTERVAL_S if slot.endpoint.kind is EndpointKind.GPUS else self.interval_s

    def pace(self) -> Pace:
        """How far apart the samples will be, given the budget and everyone's share of it."""
        if not self.scarce:
            return Pace(self.interval_s, self.interval_s)
        urgent = sum(slot.urgent for slot in self.slots.values())
        rest = len(self.slots) - urgent
        for_rest = max(self.budget_per_s / REST_TURN, self.budget_per_s - urgent / self.interval_s)
        for_urgent = self.budget_per_s - (self.budget_per_s / REST_TURN if rest else 0.0)
        return Pace(max(self.interval_s, urgent / for_urgent), max(self.interval_s, rest / for_rest))

    def interval_of(self, slot: Slot, pace: Pace) -> float:
        expected_s = pace.urgent_s if slot.urgent else pace.rest_s
        return max(GPU_INTERVAL_S, expected_s) if slot.endpoint.kind is EndpointKind.GPUS else expected_s

    @property
    def scarce(self) -> bool:
        """There are more replicas than the budget can keep fresh."""
        return 0 < self.budget_per_s < len(self.slots) / self.interval_s

    @property
    def has_exporters(self) -> bool:
        return any(slot.endpoint.kind is EndpointKind.GPUS for slot in self.slots.values())

    @property
    def most_starts_per_s(self) -> float:
        """Starts are spread over the interval, so that a fleet's answers do not come all at once."""
        return 2 * len(self.slots) / self.interval_s


_due_at = attrgetter("due_at")


def _phase(number: int) -> float:
    """Where the slot of a number stands between -0.5 and 0.5: however many there are, they are spread evenly."""
    return (number * GOLDEN + 0.5) % 1.0 - 0.5


def _next_moment(anchor_at: float, interval_s: float, earliest: float) -> float:
    """The first of the moments that lie whole intervals from the anchor and not before `earliest`."""
    return anchor_at + math.ceil((earliest - anchor_at) / interval_s - 1e-9) * interval_s
