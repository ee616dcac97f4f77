"""Which replica of a model is not like the others, and what it alone has: a node, a GPU, an image.

Medians, since one bad replica of four moves a mean. A model needs three replicas with current numbers before one of
them can be odd.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from statistics import median
from typing import NamedTuple

from vops.diagnosis.states import ReplicaState
from vops.render import units
from vops.render.fleet_rows import ReplicaRow

FEWEST = 3
MOST_PART = 4
"""One in so many may be odd."""


class Measure(NamedTuple):
    """A number that replicas of one model share; `odd(value, median)` judges one of them."""

    name: str
    value: Callable[[ReplicaRow], float | None]
    odd: Callable[[float, float], bool]
    told: Callable[[float, float], str]


def _times(name: str) -> Callable[[float, float], str]:
    return lambda value, middle: f"{name} {value / middle:.1f}× the median"


def _points(name: str) -> Callable[[float, float], str]:
    return lambda value, middle: f"{name} {units.percent(value)}, the median {units.percent(middle)}"


MEASURES = (
    Measure("ttft", lambda row: row.ttft_p95_s, lambda v, m: m > 0 and v > 1.5 * m and v - m > 0.25, _times("TTFT")),
    Measure("kv", lambda row: row.kv_usage, lambda v, m: v - m > 0.15, _points("KV")),
    Measure("tokens", lambda row: row.tokens_per_s, lambda v, m: m >= 50 and v < 0.5 * m, _times("tok/s")),
    Measure("util", lambda row: row.gpu_util, lambda v, m: m - v > 0.3, _points("GPU")),
)
"""The likeliest to matter first: only the first that is odd is told."""

_SHARED: tuple[tuple[str, Callable[[ReplicaRow], str]], ...] = (
    ("node", lambda row: row.node),
    ("GPU", lambda row: units.gpu_name(row.gpu)),
    ("image", lambda row: row.image.rpartition("/")[2]),
)


class Peers:
    """Replicas of one model, and how many of them have the same node, GPU or image."""

    def __init__(self, members: Sequence[ReplicaRow]) -> None:
        self.members = members

    @cached_property
    def _counted(self) -> tuple[Counter[str], ...]:
        return tuple(Counter(filter(None, map(value, self.members))) for _, value in _SHARED)

    def alone(self, row: ReplicaRow) -> str:
        """What a replica has and no peer of it does, where peers share theirs."""
        for (name, value), counted in zip(_SHARED, self._counted, strict=True):
            if counted[value(row)] == 1 and len(counted) < len(self.members):
                return f", the only one {'with' if name == 'image' else 'on'} {value(row)}"
        return f", on {row.node}" if row.node else ""


def odd_ones(rows: Iterable[ReplicaRow]) -> dict[str, str]:
    """What is odd about a replica, in words, by its key; those that are like their peers are left out."""
    peers: dict[tuple[str, str], list[ReplicaRow]] = defaultdict(list)
    for row in rows:
        if row.state is ReplicaState.READY and not row.stale and row.model:
            peers[row.namespace, row.model].append(row)
    found: dict[str, str] = {}
    for members in peers.values():
        if len(members) >= FEWEST:
            together = Peers(members)
            for measure in MEASURES:
                _judge(measure, together, found)
    return found


def _judge(measure: Measure, peers: Peers, found: dict[str, str]) -> None:
    """Those that are odd by one measure, unless they are so many that the others might be called odd as well."""
    known = [(row, value) for row in peers.members if (value := measure.value(row)) is not None]
    if len(known) < FEWEST:
        return
    middle = median(value for _, value in known)
    odd = [(row, value) for row, value in known if measure.odd(value, middle)]
    if len(odd) > max(1, len(known) // MOST_PART):
        return
    for row, value in odd:
        found.setdefault(row.key, measure.told(value, middle) + peers.alone(row))
