"""A Prometheus histogram that is filled with fractions of observations, so that a flow can be measured."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

_SPREAD = ((0.5, 0.08), (0.7, 0.22), (0.9, 0.28), (1.15, 0.22), (1.6, 0.13), (2.6, 0.06), (4.5, 0.01))
"""Multiples of a mean and how much of all observations is near each: long to the right, as latencies are."""
_MEAN = sum(factor * share for factor, share in _SPREAD)


class Histogram:
    """`bounds` are the upper bounds without +Inf.

    What is spread is kept by the buckets that it falls into all together, and told apart when somebody looks: filling
    histograms is much of what it costs to start a lab with a past, and few of them are ever read.
    """

    __slots__ = ("_counts", "_edges", "_spread", "_sum", "bounds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._edges = _edges(self.bounds)
        self._spread = [0.0] * (len(self._edges) + 1)
        self._counts = [0.0] * (len(self.bounds) + 1)
        self._sum = 0.0

    def add(self, value: float, count: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += count
        self._sum += value * count

    def spread(self, mean: float, count: float) -> None:
        """`count` observations around `mean`."""
        if count > 0:
            self._spread[bisect_left(self._edges, mean)] += count
            self._sum += mean * count * _MEAN

    def cumulative(self) -> list[int]:
        """Whole observations at or below each bound, +Inf last."""
        counts = self._counts.copy()
        for buckets, count in zip(_buckets(self.bounds), self._spread, strict=True):
            if count:
                for bucket, (_, share) in zip(buckets, _SPREAD, strict=True):
                    counts[bucket] += count * share
        return [int(count + 1e-9) for count in accumulate(counts)]

    @property
    def sum(self) -> float:
        return self._sum


@lru_cache(maxsize=256)
def _edges(bounds: tuple[float, ...]) -> tuple[float, ...]:
    """The means at which one of the multiples goes over into its next bucket."""
    return tuple(sorted(bound / factor for bound in bounds for factor, _ in _SPREAD))


@lru_cache(maxsize=256)
def _buckets(bounds: tuple[float, ...]) -> tuple[tuple[int, ...], ...]:
    """The bucket of each multiple, for the means up to each edge and for those above the last."""
    edges = sorted((bound / factor, at) for bound in bounds for at, (factor, _) in enumerate(_SPREAD))
    buckets = [(0,) * len(_SPREAD)]
    for _, moved in edges:
        buckets.append(tuple(bucket + (at == moved) for at, bucket in enumerate(buckets[-1])))
    return tuple(buckets)
