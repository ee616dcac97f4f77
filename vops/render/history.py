"""The recent past of one replica's numbers: the last minutes as scraped, an hour in coarse steps, in fixed memory.

Rows of floats in flat arrays, since a fleet of 500 replicas keeps 500 of these: 20 KB each, full. An entry is appended
in one thread and read in another: both are single operations on an array, so no reader meets half an entry.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from vops.render.fleet_rows import ReplicaRow

FINE = 120
COARSE = 240
COARSE_STEP_S = 15.0
SERIES = ("kv_usage", "tokens_per_s", "running", "gpu_util", "waiting", "ttft_p95_s")
"""The numbers that are kept, by the names of the row."""

_WIDTH = 1 + len(SERIES)
_PLACES = {name: place for place, name in enumerate(SERIES, 1)}


class History(NamedTuple):
    """What was seen of one replica's numbers, oldest first; `at` are the times of the entries, as Unix seconds."""

    kv_usage: Sequence[float | None] = ()
    tokens_per_s: Sequence[float | None] = ()
    running: Sequence[float | None] = ()
    gpu_util: Sequence[float | None] = ()
    waiting: Sequence[float | None] = ()
    ttft_p95_s: Sequence[float | None] = ()
    at: Sequence[float] = ()


class Track:
    """The past of one replica: one entry a scrape, not one a picture."""

    def __init__(self) -> None:
        self._fine, self._coarse = array("d"), array("d")
        self._age_s: float | None = None

    def add(self, row: ReplicaRow, now: datetime) -> None:
        """Takes the numbers of a row, if they are of another scrape than the last ones."""
        fresh = self._age_s is None or row.metrics_age_s is None or row.metrics_age_s < self._age_s
        self._age_s = row.metrics_age_s
        if not fresh:
            return
        at = (now - timedelta(seconds=row.metrics_age_s or 0.0)).timestamp()
        entry = array("d", (at, *(_number(getattr(row, name)) for name in SERIES)))
        _append(self._fine, entry, FINE)
        if not self._coarse or at - self._coarse[-_WIDTH] >= COARSE_STEP_S:
            _append(self._coarse, entry, COARSE)

    def tail(self, name: str, count: int, until: datetime | None = None) -> list[float | None]:
        """The last `count` values of one series, those after `until` left out."""
        entries = self._entries(until, count)
        place = _PLACES[name]
        return [_known(value) for value in entries[place::_WIDTH]][-count:]

    def history(self, until: datetime | None = None) -> History:
        """The last minutes, as far as they are before `until`."""
        return _history(self._entries(until, FINE))

    def hour(self, until: datetime | None = None) -> History:
        """The last hour: in coarse steps, its end as scraped."""
        fine = self._entries(until, FINE)
        first = fine[0] if fine else math.inf
        old = array("d", _before(self._coarse[:], first))
        return _history(old + fine)

    def _entries(self, until: datetime | None, count: int) -> array[float]:
        if until is None:
            return self._fine[-count * _WIDTH :]
        limit = until.timestamp() + 0.001
        fine = array("d", _before(self._fine[:], limit))
        found = fine or array("d", _before(self._coarse[:], limit))
        return found[-count * _WIDTH :]


def _append(held: array[float], entry: array[float], most: int) -> None:
    held.extend(entry)
    if len(held) > most * _WIDTH:
        del held[:_WIDTH]


def _before(entries: array[float], limit: float) -> Iterator[float]:
    for start in range(0, len(entries), _WIDTH):
        if entries[start] < limit:
            yield from entries[start : start + _WIDTH]


def _history(entries: array[float]) -> History:
    kv, tokens, running, util, waiting, ttft = (
        [_known(value) for value in entries[place::_WIDTH]] for place in range(1, _WIDTH)
    )
    return History(kv, tokens, running, util, waiting, ttft, entries[0::_WIDTH].tolist())


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
