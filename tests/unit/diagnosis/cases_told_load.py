"""Cases of the rules that judge a server's load by its own log, or by the only scrape that somebody kept."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.unit.diagnosis.cases_logs import SERVED, Case, serves
from tests.unit.diagnosis.cases_serving import loaded
from tests.unit.diagnosis.scaling_parts import scraped

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


def only_scrape(**values: Any) -> Case:
    """A ready server of which one scrape is there."""
    return loaded(msgspec.structs.replace(scraped(**values), earlier=None))


FIRES: dict[str, Case] = {
    "kv-thrash-by-log": serves(SERVED + _PREEMPTED.format(1) + _PREEMPTED.format(51)),
    "kv-thrash-by-count": only_scrape(running=40, waiting=9, kv_usage=0.98, preemptions=400, finished={"stop": 900}),
    "queue-saturated-by-log": told(*((900.0, 64, 20 + wait) for wait in range(4))),
    "queue-saturated-at-once": only_scrape(running=60, waiting=90, kv_usage=0.4),
    "queue-saturated-by-a-line": serves(SERVED + _STATISTICS.format(61.0, 2, 20).replace("91.0%", "98.7%")),
    "engine-stands-still": told(*((0.0, 0, 22) for _ in range(4))),
    "engine-dead-by-refusals": serves(SERVED + _UNWELL * 3),
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
    # a request that is refused says nothing of the engine
    "engine-dead-by-refusals": serves(SERVED + _UNWELL.replace("/health", "/v1/embeddings") * 3),
}
