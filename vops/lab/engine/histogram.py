"""A Prometheus histogram that is filled with fractions of observations, so that a flow can be measured."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

_SPREAD = ((0.5, 0.08), (0.7, 0.22), (0.9, 0.28), (1.15, 0.22), (1.6, 0.13), (2.6, 0.06), (4.5, 0.01))
"""Multiples of a mean and how much of all observations is near each: long to the right, as latencies are."""


class Histogram:
    """`bounds` are the upper bounds without +Inf."""

    __slots__ = ("_counts", "_sum", "bounds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._counts = [0.0] * (len(self.bounds) + 1)
        self._sum = 0.0

    def add(self, value: float, count: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += count
        self._sum += value * count

    def spread(self, mean: float, count: float) -> None:
        """`count` observations around `mean`."""
        if count <= 0:
            return
        # Written out, not `add`: filling histograms is much of what it costs to start a lab with a past.
        bounds, counts, total = self.bounds, self._counts, self._sum
        for factor, share in _SPREAD:
            value, part = mean * factor, count * share
            counts[bisect_left(bounds, value)] += part
            total += value * part
        self._sum = total

    def cumulative(self) -> list[int]:
        """Whole observations at or below each bound, +Inf last."""
        return [int(count + 1e-9) for count in accumulate(self._counts)]

    @property
    def sum(self) -> float:
        return self._sum
