"""Cases of the rules that judge a server's load by its own log, or by the only scrape that somebody kept."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.unit.diagnosis.cases_logs import SERVED, Case, serves
from tests.unit.diagnosis.cases_serving import loaded
from tests.unit.diagnosis.scaling_parts import scraped
from vops.model.serving import EngineShare
from vops.model.snapshot import EngineSamples

_STATISTICS = (
    "(APIServer pid=1) INFO 11-24 02:10:00 [loggers.py:259] Engine 000: Avg prompt throughput: {0:.1f} tokens/s, Avg "
    "generation throughput: {0:.1f} tokens/s, Running: {1} reqs, Waiting: {2} reqs, GPU KV cache usage: 91.0%, Prefix "
    "cache hit rate: 0.0%\n"
)
_PREEMPTED = (
    "WARNING 10-11 06:51:22 scheduler.py:1493] Sequence group chat-1 is preempted by PreemptionMode.RECOMPUTE mode "
    "because there is not enough KV cache space. total_num_cumulative_preemption={}\n"
)
_UNWELL = '\nINFO:     10.42.0.1:53722 - "GET /health HTTP/1.1" 503 Service Unavailable'


def told(*lines: tuple[float, int, int]) -> Case:
    """A server that came up and told of tokens per second, of running and of waiting requests."""
    return serves(SERVED + "".join(_STATISTICS.format(*line) for line in lines))


def backed_up(usage: str, *waits: int) -> Case:
    """A server of 33 requests that tells three times or more of those that wait before a cache so full."""
    return serves(SERVED + "".join(_STATISTICS.format(736.0, 33, wait) for wait in waits).replace("91.0%", usage))


def once(*args: Any, shares: tuple[tuple[str, float, float], ...] = (), **values: Any) -> EngineSamples:
    """One scrape of a server; `shares` are running and waiting requests of each of its engines."""
    samples = scraped(*args, **values)
    latest = samples.latest
    assert latest is not None
    each = tuple(EngineShare(*share) for share in shares)
    return msgspec.structs.replace(samples, earlier=None, latest=msgspec.structs.replace(latest, shares=each))


def only_scrape(**values: Any) -> Case:
    """A ready server of which one scrape is there."""
    return loaded(once(**values))


def engines(*lines: tuple[int, int]) -> Case:
    """A server with an engine for each pair of running and waiting requests, which its log tells of."""
    told = enumerate(_STATISTICS.format(900.0, *line) for line in lines)
    return serves(SERVED + "".join(line.replace("Engine 000", f"Engine {number:03}") for number, line in told))


def of_two(own: dict[str, Any], other: dict[str, Any]) -> Case:
    """Two replicas of one workload, with one scrape of each."""
    return loaded(once(**own), once("llama-2", **other))


FIRES: dict[str, Case] = {
    "kv-thrash-by-log": serves(SERVED + _PREEMPTED.format(1) + _PREEMPTED.format(51)),
    "kv-thrash-by-count": only_scrape(running=40, waiting=9, kv_usage=0.98, preemptions=400, finished={"stop": 900}),
    "queue-saturated-by-log": told(*((900.0, 64, 20 + wait) for wait in range(4))),
    "queue-saturated-at-once": only_scrape(running=60, waiting=90, kv_usage=0.4),
    "queue-saturated-by-a-line": serves(SERVED + _STATISTICS.format(61.0, 2, 20).replace("91.0%", "98.7%")),
    "engine-stands-still": told(*((0.0, 0, 22) for _ in range(4))),
    "engine-dead-by-refusals": serves(SERVED + _UNWELL * 3),
    "replica-imbalance-at-once": of_two({"running": 128, "waiting": 84}, {"running": 3, "waiting": 0}),
    "engines-imbalance": engines((51, 117), (31, 108), (18, 0), (9, 0)),
    "prefix-cache-cold-at-once": of_two(
        {"running": 6, "waiting": 0, "prefix_queries": 5_000_000, "prefix_hits": 0},
        {"running": 5, "waiting": 0, "prefix_queries": 6_000_000, "prefix_hits": 5_700_000},
    ),
}
NEAR_MISSES: dict[str, Case] = {
    # the first, of which every log tells
    "kv-thrash-by-log": serves(SERVED + _PREEMPTED.format(1)),
    # a few in a long life
    "kv-thrash-by-count": only_scrape(running=40, waiting=9, kv_usage=0.98, preemptions=400, finished={"stop": 90_000}),
    # a burst that drains
    "queue-saturated-by-log": told(*((900.0, 64, 120 - wait) for wait in range(4))),
    # a moment
    "queue-saturated-at-once": only_scrape(running=60, waiting=20, kv_usage=0.4),
    # its cache has room: the next step takes more of them
    "queue-saturated-by-a-line": told((61.0, 2, 20)),
    # a first request that compiles, and an idle server
    "engine-stands-still": told((0.0, 0, 0), (0.0, 1, 0), (0.0, 1, 0), (0.0, 1, 0)),
    # a moment's queue, and one who is as busy
    "replica-imbalance-at-once": of_two({"running": 128, "waiting": 12}, {"running": 3, "waiting": 0}),
    "engines-imbalance": engines((51, 117), (48, 0)),
    # both find little
    "prefix-cache-cold-at-once": of_two(
        {"running": 6, "waiting": 0, "prefix_queries": 5_000_000, "prefix_hits": 0},
        {"running": 5, "waiting": 0, "prefix_queries": 6_000_000, "prefix_hits": 900_000},
    ),
    # a request that is refused says nothing of the engine
    "engine-dead-by-refusals": serves(SERVED + _UNWELL.replace("/health", "/v1/embeddings") * 3),
}
