"""Bounded load on an OpenAI endpoint: so many requests at a time, for so long, and what came of it.

Two kinds of requests take turns: one asks for a single token, which measures the time to the first token, the other for
several, which measures throughput. Goes through the API server like everything else, so it is meant for comparing
before with after, not for benchmarks; `MOST_CONCURRENT` and `MOST_SECONDS` keep it from becoming an attack.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from vops.errors import ClusterError, Refused, Unavailable
from vops.model.load import LoadResult
from vops.model.text import one_line, read_json
from vops.ports import Clock, Cluster

MOST_CONCURRENT = 64
MOST_SECONDS = 900.0
PROMPT = "Write one sentence about the sea."
TOKENS = 32
_PAUSE_S = 0.1
"""Between two waves, so that a server that refuses at once is not asked without end."""


class Load(msgspec.Struct, frozen=True):
    """How much load: requests at a time, seconds, and what each asks for."""

    concurrency: int = 4
    duration_s: float = 30.0
    max_tokens: int = TOKENS
    prompt: str = PROMPT
    model: str = ""
    """The model's name; asked of the server unless given."""
    path: str = "/v1/completions"

    def check(self) -> None:
        """Raises Refused for more load than vops makes."""
        if not 1 <= self.concurrency <= MOST_CONCURRENT or not 0 < self.duration_s <= MOST_SECONDS:
            raise Refused(
                f"vops makes at most {MOST_CONCURRENT} requests at a time for {MOST_SECONDS:g} s",
                hint="use vllm bench serve for real benchmarks",
            )


class Endpoint(msgspec.Struct, frozen=True):
    """One server: a pod and its port."""

    namespace: str
    pod: str
    port: int


class _Usage(msgspec.Struct, frozen=True):
    completion_tokens: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    """As much of a completion as is counted."""

    usage: _Usage | None = None


class _Tally:
    """What was measured so far."""

    def __init__(self) -> None:
        self.first: list[float] = []
        self.whole: list[float] = []
        self.tokens = 0
        self.failed = 0
        self.error = ""

    def add(self, answer: Any, elapsed_s: float, *, first: bool) -> None:
        """Raises ValueError for an answer that is none of an OpenAI endpoint."""
        counted = msgspec.convert(answer, _Answer).usage
        (self.first if first else self.whole).append(elapsed_s)
        self.tokens += (counted and counted.completion_tokens) or 0


async def put_under_load(cluster: Cluster, clock: Clock, endpoints: Sequence[Endpoint], load: Load) -> LoadResult:
    """Loads the servers in turn, a wave of requests after the other, until time is up.

    Raises Refused for too much load, and what keeps the model's name from being known.
    """
    load.check()
    model = load.model or await _model(cluster, endpoints[0])
    tally, started = _Tally(), clock.monotonic()
    deadline, wave = started + load.duration_s, 0
    while not wave or clock.monotonic() < deadline:
        # Every other request of a wave, and of each server, is a short one.
        shorts = [(number + wave) % 2 == 0 for number in range(load.concurrency)]
        targets = [endpoints[(number + wave // 2) % len(endpoints)] for number in range(load.concurrency)]
        waves = (_ask(cluster, at, load, model, tally, first=short) for at, short in zip(targets, shorts, strict=True))
        await asyncio.gather(*waves)
        await clock.sleep(_PAUSE_S)
        wave += 1
    took_s = max(clock.monotonic() - started, 1e-9)
    return LoadResult(
        requests=len(tally.first) + len(tally.whole) + tally.failed,
        failed=tally.failed,
        seconds=took_s,
        tokens_per_s=tally.tokens / took_s if tally.tokens else None,
        ttft_p50=quantile(tally.first, 0.5),
        ttft_p95=quantile(tally.first, 0.95),
        latency_p50=quantile(tally.whole, 0.5),
        latency_p95=quantile(tally.whole, 0.95),
        model=model,
        error=tally.error,
    )


async def _model(cluster: Cluster, at: Endpoint) -> str:
    """The name of the first model that the server serves."""
    answer = await cluster.proxy(at.namespace, at.pod, at.port, "/v1/models")
    try:
        return str(read_json(answer.body)["data"][0]["id"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Unavailable(f"{at.pod} answers /v1/models with {answer.status} and names no model") from error


async def _ask(cluster: Cluster, at: Endpoint, load: Load, model: str, tally: _Tally, *, first: bool) -> None:
    """One request, counted whatever comes of it."""
    body = {"model": model, "prompt": load.prompt, "max_tokens": 1 if first else load.max_tokens, "temperature": 0}
    sent = msgspec.json.encode(body)
    try:
        answer = await cluster.proxy(at.namespace, at.pod, at.port, load.path, method="POST", body=sent)
        if answer.status != 200:
            raise Unavailable(f"{at.pod} answers {answer.status}: {one_line(answer.body.decode('utf-8', 'replace'))}")
        tally.add(read_json(answer.body), answer.elapsed_s, first=first)
    except (ClusterError, ValueError) as error:
        tally.failed += 1
        tally.error = str(error)


def quantile(values: Sequence[float], part: float) -> float | None:
    """The nearest-rank quantile; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else None
