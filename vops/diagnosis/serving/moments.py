"""What a server had at one moment, beside others that serve the same: one scrape of each, or one line of each log.

A moment alone tells little, and what two servers have at the same time tells more: a queue at one and none at the
other is no want of servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from vops.diagnosis.facts import Replica
from vops.diagnosis.serving import load
from vops.diagnosis.states import ReplicaState

_SIBLINGS = 32
_FEWEST = 10_000.0
"""Tokens (or blocks) that were looked up since the process began."""


class Moment(msgspec.Struct, frozen=True):
    """Requests that run and wait, and the share of prompts found in the prefix cache, of a server or an engine."""

    name: str
    running: float
    waiting: float
    hits: float | None = None

    @property
    def words(self) -> str:
        return f"{self.running:g} run, {self.waiting:g} wait"


def moment(replica: Replica) -> Moment | None:
    """By the only scrape, else by the newest line of statistics in its log; None where there is neither."""
    sample = load.only(replica)
    if sample is not None and sample.waiting is not None:
        asked, found = sample.prefix_queries or 0.0, sample.prefix_hits
        hits = found / asked if found is not None and asked >= _FEWEST else None
        return Moment(replica.name, sample.running or 0.0, sample.waiting, hits)
    told = replica.log.load.last(1) if replica.log is not None and replica.samples is None else ()
    if not told:
        return None
    return Moment(replica.name, told[0].running, told[0].waiting, told[0].hits if told[0].running else None)


def engines(replica: Replica) -> tuple[Moment, ...]:
    """The same of each of its engines, where it has several that tell."""
    sample = load.only(replica)
    if sample is not None and sample.shares:
        return tuple(Moment(f"engine {item.engine}", item.running, item.waiting) for item in sample.shares)
    told = replica.log.load.by_engine() if replica.log is not None and replica.samples is None else {}
    return tuple(Moment(f"engine {name}", item.running, item.waiting, item.hits) for name, item in told.items())


def siblings(replica: Replica) -> tuple[Moment, ...]:
    """The same of some of the others that serve what it serves."""
    return tuple(islice(filter(None, map(moment, _siblings(replica))), _SIBLINGS))


def _siblings(replica: Replica) -> Iterator[Replica]:
    """Of one workload; of pods that stand for scrapes or logs, those that name the same model."""
    for item in replica.facts.replicas:
        same = item.workload is replica.workload if replica.workload is not None else _alike(item, replica)
        if same and item is not replica and item.state in (ReplicaState.READY, ReplicaState.LOADING):
            yield item


def _alike(one: Replica, other: Replica) -> bool:
    return not one.observed and not other.observed and one.model == other.model
