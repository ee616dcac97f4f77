"""A Prometheus histogram that is filled with fractions of observations, so that a flow can be measured."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import nan

_SPREAD = ((0.5, 0.08), (0.7, 0.22), (0.9, 0.28), (1.15, 0.22), (1.6, 0.13), (2.6, 0.06), (4.5, 0.01))
"""Multiples of a mean and how much of all observations is near each: long to the right, as latencies are."""


_MOST_PENDING = 4096


class Histogram:
    """`bounds` are the upper bounds without +Inf.

    What is spread is put into buckets when somebody looks: most of the past of a lab is never read.
    """

    __slots__ = ("_counts", "_pending", "_sum", "bounds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._counts = [0.0] * (len(self.bounds) + 1)
        self._sum = 0.0
        self._pending: list[tuple[float, float]] = []

    def add(self, value: float, count: float) -> None:
        self._settle()
        self._counts[bisect_left(self.bounds, value)] += count
        self._sum += value * count

    def spread(self, mean: float, count: float) -> None:
        """`count` observations around `mean`."""
        if count <= 0:
            return
        self._pending.append((mean, count))
        if len(self._pending) > _MOST_PENDING:
            self._settle()

    def _settle(self) -> None:
        """Counts what is pending; the same mean many times over, as lengths of prompts have it, is looked up once."""
        if not self._pending:
            return
        bounds, counts, total = self.bounds, self._counts, self._sum
        looked_up = nan
        places: tuple[tuple[int, float, float], ...] = ()
        for mean, count in self._pending:
            if mean != looked_up:
                looked_up = mean
                places = tuple((bisect_left(bounds, mean * factor), mean * factor, share) for factor, share in _SPREAD)
            for index, value, share in places:
                part = count * share
                counts[index] += part
                total += value * part
        self._sum = total
        self._pending.clear()

    def cumulative(self) -> list[int]:
        """Whole observations at or below each bound, +Inf last."""
        self._settle()
        return [int(count + 1e-9) for count in accumulate(self._counts)]

    @property
    def sum(self) -> float:
        self._settle()
        return self._sum
