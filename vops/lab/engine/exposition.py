"""vLLM's `/metrics` page: recorded pages of each dialect with the numbers of a simulated engine in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vops.lab.engine.histogram import Histogram
from vops.lab.engine.memory import BLOCK_TOKENS, MemoryPlan
from vops.lab.engine.serving import Counters, Serving
from vops.lab.engine.texts import fill

_PAGES = Path(__file__).parent.parent / "data" / "metrics"
_SAMPLE = re.compile(r"(?P<name>[^{ ]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_COMMON_LABELS = re.compile(r'\b(?:engine|model_name|le)="[^"]*",?')
_BOUND = re.compile(r'\ble="([^"]+)"')
_RENAMED = {"time_per_output_token_seconds": "inter_token_latency_seconds"}
"""Histograms whose name was another one once."""


@cache
def bounds(dialect: str) -> Mapping[str, tuple[float, ...]]:
    """The bucket bounds of every histogram of vLLM itself, by its name today."""
    found: dict[str, list[float]] = {}
    for line in _text(dialect).splitlines():
        if line.startswith("vllm:") and "_bucket{" in line:
            name = line.removeprefix("vllm:").partition("_bucket{")[0]
            bound = _BOUND.search(line)
            if bound and bound[1] != "+Inf":
                found.setdefault(_RENAMED.get(name, name), []).append(float(bound[1]))
    return {name: tuple(values) for name, values in found.items()}


@cache
def _text(dialect: str) -> str:
    return (_PAGES / f"{dialect}.prom").read_text(encoding="utf-8")


class _Piece(NamedTuple):
    """A recorded number and the text before it; `name` is its histogram, or empty."""

    before: str
    name: str
    key: str
    bucket: int | None
    """Which of the histogram's cumulative counts it is; its last for `_count`."""
    recorded: str


@cache
def _cut(dialect: str) -> tuple[tuple[_Piece, ...], str]:
    """The recorded page, cut at its numbers, and what follows the last."""
    pieces: list[_Piece] = []
    seen: dict[str, int] = {}
    before = ""
    for line in _text(dialect).splitlines(keepends=True):
        if line.startswith("#"):
            before += line
            continue
        match = _SAMPLE.match(line)
        if match is None:
            continue
        name, key = _key(match["name"], match["labels"] or "", seen)
        pieces.append(_Piece(before + line[: match.start("value")], name, key, _bucket(key), match["value"]))
        before = "\n"
    return tuple(pieces), before


def _bucket(key: str) -> int | None:
    if key.startswith("_bucket"):
        return int(key.removeprefix("_bucket"))
    return -1 if key == "_count" else None


class Page:
    """One engine's page: the recorded text around the numbers."""

    def __init__(self, dialect: str, values: Mapping[str, object]) -> None:
        pieces, self._end = _cut(dialect)
        self._pieces = [(fill(piece.before, values), *piece[1:]) for piece in pieces]

    def render(self, numbers: Mapping[str, float], histograms: Mapping[str, Histogram], born: float) -> bytes:
        """The page with the given numbers; what has none keeps the recorded one."""
        cumulative = {name: histogram.cumulative() for name, histogram in histograms.items()}
        parts: list[str] = []
        for before, name, key, bucket, recorded in self._pieces:
            parts.append(before)
            if name in cumulative and bucket is not None:
                parts.append(repr(float(cumulative[name][bucket])))
            elif name in cumulative and key == "_sum":
                parts.append(repr(histograms[name].sum))
            elif name in cumulative or key.endswith("_created"):
                parts.append(repr(born))
            else:
                parts.append(repr(float(numbers[key])) if key in numbers else recorded)
        parts.append(self._end)
        return "".join(parts).encode()


def _key(name: str, labels: str, seen: dict[str, int]) -> tuple[str, str]:
    """Which histogram a sample belongs to and which part of it, or an empty name and the sample's own key."""
    plain = name.removeprefix("vllm:")
    for suffix in ("_bucket", "_count", "_sum", "_created"):
        base = plain.removesuffix(suffix)
        if base != plain and name.startswith("vllm:") and (base in seen or suffix == "_bucket"):
            index = seen.get(base, 0)
            if suffix == "_bucket":
                seen[base] = index + 1
            return _RENAMED.get(base, base), f"{suffix}{index}" if suffix == "_bucket" else suffix
    rest = _COMMON_LABELS.sub("", labels).rstrip(",")
    return "", f"{plain}{{{rest}}}" if rest and not plain.endswith("_created") else plain


def page_values(served: str, memory: MemoryPlan, kv_cache_dtype: str, *, prefix_caching: bool) -> dict[str, object]:
    """What is open in the recorded pages."""
    return {
        "served": served.replace("\\", "\\\\").replace('"', '\\"'),
        "kv_cache_dtype": kv_cache_dtype,
        "prefix_caching": prefix_caching,
        "utilization": memory.utilization,
        "concurrency": memory.kv_tokens / memory.max_model_len,
        "tokens": memory.kv_tokens,
        "blocks": memory.kv_tokens // BLOCK_TOKENS,
    }


def numbers_of(serving: Serving, dialect: str, started_at: float) -> dict[str, float]:
    """Every number that moves, by the key of its sample."""
    counters = serving.counters
    unit = BLOCK_TOKENS if dialect == "0.8" else 1
    hits, prompt = int(counters.cached), int(counters.prompt)
    waiting = round(serving.waiting)
    usage = "gpu_cache_usage_perc" if dialect == "0.8" else "kv_cache_usage_perc"
    prefix = "gpu_prefix_cache" if dialect == "0.8" else "prefix_cache"
    return {
        "num_requests_running": round(serving.running),
        "num_requests_waiting": waiting,
        'num_requests_waiting_by_reason{reason="capacity"}': waiting,
        'engine_sleep_state{sleep_state="awake"}': 1,
        usage: serving.kv_usage,
        f"{prefix}_queries_total": prompt // unit,
        f"{prefix}_hits_total": hits // unit,
        "num_preemptions_total": int(counters.preemptions),
        "prompt_tokens_total": prompt,
        'prompt_tokens_by_source_total{source="local_compute"}': prompt - hits,
        'prompt_tokens_by_source_total{source="local_cache_hit"}': hits,
        "prompt_tokens_cached_total": hits,
        'prompt_tokens_cached_by_source_total{source="device"}': hits,
        "generation_tokens_total": int(counters.generated),
        **_finished(counters),
        "process_start_time_seconds": started_at,
        "process_cpu_seconds_total": round(20 + (serving.now - started_at) * 0.3, 2),
    }


def _finished(counters: Counters) -> dict[str, float]:
    requests = int(counters.stopped + counters.length_limited)
    return {
        'request_success_total{finished_reason="stop"}': int(counters.stopped),
        'request_success_total{finished_reason="length"}': int(counters.length_limited),
        'http_requests_total{handler="/v1/completions",method="POST",status="2xx"}': requests,
    }
