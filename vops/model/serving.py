"""vLLM as a process: how it was started, what one scrape of it says, and what two scrapes say together.

Sources: the command lines and metric names of vLLM 0.8.5 to 0.33 (see vops.model.dialects for the versions).
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import field

Counters = dict[str, float]


class Histogram(msgspec.Struct, frozen=True):
    """A cumulative histogram: `bounds` in seconds (the last is +inf) and observations at or below each."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    sum: float = 0.0


class EngineSample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One scrape of one vLLM server, data-parallel engines folded (counts summed, usages averaged).

    Absent metrics are None, never 0. Times in seconds, usages 0..1, counters since the process started.
    """

    at: datetime
    model: str = ""
    engines: int = 0
    running: float | None = None
    waiting: float | None = None
    kv_usage: float | None = None
    kv_tokens: int | None = None
    generation_tokens: float | None = None
    prompt_tokens: float | None = None
    prefix_queries: float | None = None
    prefix_hits: float | None = None
    preemptions: float | None = None
    steps: float | None = None
    finished: Counters = field(default_factory=dict)
    ttft: Histogram | None = None
    itl: Histogram | None = None
    queue_time: Histogram | None = None
    e2e: Histogram | None = None
    process_start: float | None = None


class EngineRates(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened between two scrapes, `window_s` apart. None: not known, or nothing to measure."""

    window_s: float
    tokens_per_s: float | None = None
    prompt_tokens_per_s: float | None = None
    preemptions_per_s: float | None = None
    prefix_hit_rate: float | None = None
    ttft_p50_s: float | None = None
    ttft_p95_s: float | None = None
    itl_p95_s: float | None = None
    stepping: bool | None = None


class GpuSample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One GPU as a DCGM exporter sees it; the pod fields are empty where it cannot attribute it."""

    at: datetime
    node: str = ""
    uuid: str = ""
    index: str = ""
    model: str = ""
    namespace: str = ""
    pod: str = ""
    container: str = ""
    utilisation: float | None = None
    memory_used_mib: float | None = None
    memory_total_mib: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    xid: float | None = None
