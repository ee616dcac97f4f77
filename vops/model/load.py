"""What came of putting servers under load."""

from __future__ import annotations

import msgspec


class ServerVerdict(msgspec.Struct, frozen=True, rename="camel"):
    """What one of the servers under load spent its time on: `slow`, `not slow` or `not known`, and what would help."""

    pod: str
    pace: str
    summary: str
    steps: tuple[str, ...] = ()


class LoadResult(msgspec.Struct, frozen=True, rename="camel"):
    """What came of it. Times in seconds, null where nothing succeeded; `error` is the last failure's text."""

    requests: int
    failed: int
    seconds: float
    tokens_per_s: float | None
    ttft_p50: float | None
    ttft_p95: float | None
    latency_p50: float | None
    latency_p95: float | None
    model: str = ""
    error: str = ""
    servers: tuple[ServerVerdict, ...] = ()
