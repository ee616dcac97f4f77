"""Prometheus text as vLLM and DCGM exporters write it, read in one selective pass.

Only the families that `vops.model.dialects` names are looked at (a page has 60 kB, vops needs a tenth of it). Label
values are untrusted: unescaped, scrubbed, never used as structure. A line that a truncated page cut off is dropped,
NaN and ±Inf are no values, and a family that is missing or incomplete is None.
Leaves out OpenMetrics exemplars, timestamps and the metrics of the Python process, but for its start time.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec

from vops.model.dialects import ENGINE_METRICS, EngineMetrics
from vops.model.serving import EngineSample, EngineShare, Histogram
from vops.model.text import one_line

Labels = Mapping[str, str]

_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_LONGEST_PAGE = 8_000_000
_MOST_REASONS = 32
_MOST_BUCKETS = 200
_LONGEST_CACHED_LABELS = 2048


class Series(msgspec.Struct, frozen=True, gc=False):
    """One line of a page: the family's name without its prefix (`vllm:`), the labels and a finite value."""

    name: str
    labels: Labels
    value: float


def parse_sample(page: bytes, at: datetime) -> EngineSample:
    """One scrape of a vLLM server; `engines` is 0 when the page holds no metric of vLLM at all."""
    return engine_sample(read_series(page, _wanted_engine_lines()), at)


def engine_sample(series: Iterable[Series], at: datetime, metrics: EngineMetrics = ENGINE_METRICS) -> EngineSample:
    """Series of one server joined to a sample, its data-parallel engines folded."""
    families: dict[str, list[Series]] = defaultdict(list)
    for item in series:
        families[item.name].append(item)
    running = families.get(metrics.running[0], ())
    return EngineSample(
        at=at,
        model=_model(families),
        engines=len({item.labels.get("engine", "") for item in running or _first(families, metrics.waiting)}),
        running=_total(families, metrics.running),
        waiting=_total(families, metrics.waiting),
        kv_usage=_mean(families, metrics.kv_usage),
        kv_tokens=_kv_tokens(families, metrics.cache_config),
        generation_tokens=_total(families, metrics.generation_tokens),
        prompt_tokens=_total(families, metrics.prompt_tokens),
        prefix_queries=_total(families, metrics.prefix_queries),
        prefix_hits=_total(families, metrics.prefix_hits),
        preemptions=_total(families, metrics.preemptions),
        steps=_total(families, metrics.steps),
        finished=_by_label(families, metrics.finished, "finished_reason"),
        ttft=_histogram(families, metrics.ttft),
        itl=_histogram(families, metrics.itl),
        queue_time=_histogram(families, metrics.queue_time),
        prefill_s=_total(families, metrics.prefill_s),
        prefills=_total(families, metrics.prefills),
        e2e=_histogram(families, metrics.e2e),
        process_start=_total(families, metrics.process_start),
        shares=_shares(running, _first(families, metrics.waiting)),
    )


# --- lines ------------------------------------------------------------------------------------------------


def line_pattern(prefix: str, names: Iterable[str]) -> re.Pattern[bytes]:
    """Matches whole lines of the families `names` after a newline; `prefix` is a regex before the name."""
    choice = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.compile(rb"\n%s(%s)(?:\{([^\n]*)\})? ([^\s]+)(?=\r?\n)" % (prefix.encode(), choice.encode()))


def read_series(page: bytes, pattern: re.Pattern[bytes]) -> list[Series]:
    """The lines of `page` that `pattern` (see `line_pattern`) matches, in their order."""
    found = []
    for name, labels, text in pattern.findall(b"\n" + page[:_LONGEST_PAGE]):
        value = _number(text)
        if value is not None:
            read = _cached_labels if len(labels) <= _LONGEST_CACHED_LABELS else _labels
            found.append(Series(name.decode(), read(labels), value))
    return found


@lru_cache(maxsize=1)
def _wanted_engine_lines() -> re.Pattern[bytes]:
    return line_pattern("(?:vllm[:_]|(?=process_))", ENGINE_METRICS.series_names())


def _number(text: bytes) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _labels(text: bytes) -> Labels:
    pairs = _LABEL.findall(text.decode("utf-8", "replace"))
    return {name: one_line(_unescaped(value)) for name, value in pairs}


@lru_cache(maxsize=4096)
def _cached_labels(text: bytes) -> Labels:
    """The same lines come back with every scrape; callers only read the labels."""
    return _labels(text)


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], value) if "\\" in value else value


# --- families ---------------------------------------------------------------------------------------------

Families = Mapping[str, Sequence[Series]]


def _first(families: Families, names: Sequence[str]) -> Sequence[Series]:
    return next((families[name] for name in names if name in families), ())


def _total(families: Families, names: Sequence[str]) -> float | None:
    found = _first(families, names)
    return sum(item.value for item in found) if found else None


def _mean(families: Families, names: Sequence[str]) -> float | None:
    found = _first(families, names)
    return sum(item.value for item in found) / len(found) if found else None


def _shares(running: Sequence[Series], waiting: Sequence[Series]) -> tuple[EngineShare, ...]:
    """Running and waiting requests by engine; nothing where there is one engine, or a page tells of one of the two."""
    known = {item.labels.get("engine", ""): item.value for item in running}
    queues = {item.labels.get("engine", ""): item.value for item in waiting}
    if len(known) < 2 or known.keys() != queues.keys():
        return ()
    return tuple(EngineShare(name, value, queues[name]) for name, value in known.items())


def _model(families: Families) -> str:
    named = (item.labels["model_name"] for items in families.values() for item in items if "model_name" in item.labels)
    return next(named, "")


def _by_label(families: Families, names: Sequence[str], label: str) -> dict[str, float]:
    totals: dict[str, float] = {}
    for item in _first(families, names):
        key = item.labels.get(label, "")
        if key in totals or len(totals) < _MOST_REASONS:
            totals[key] = totals.get(key, 0.0) + item.value
    return totals


def _kv_tokens(families: Families, names: Sequence[str]) -> int | None:
    """Tokens that fit into the KV cache of all engines.

    `kv_cache_size_tokens` is of one rank; `num_gpu_blocks` (before 0.25) is the sum over ranks, repeated on each,
    and the string `None` on 0.8.5.
    """
    found = _first(families, names)
    sizes = [_whole(item.labels.get("kv_cache_size_tokens", "")) for item in found]
    if sizes and all(size is not None for size in sizes):
        return sum(size for size in sizes if size is not None)
    blocks = [_whole(item.labels.get("num_gpu_blocks", "")) for item in found]
    lengths = [_whole(item.labels.get("block_size", "")) for item in found]
    products = [count * length for count, length in zip(blocks, lengths, strict=True) if count and length]
    return max(products, default=None)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _histogram(families: Families, names: Sequence[str]) -> Histogram | None:
    """The folded histogram; None when it is not there or when an engine's part of it is incomplete."""
    name = next((name for name in names if f"{name}_bucket" in families), None)
    if name is None:
        return None
    counts: dict[str, float] = defaultdict(float)
    engines: dict[str, int] = defaultdict(int)
    for item in families[f"{name}_bucket"]:
        le = item.labels.get("le", "")
        counts[le] += item.value
        engines[le] += 1
    texts = tuple(counts)
    order = _order(texts) if len(texts) <= _MOST_BUCKETS else None
    if order is None or len(set(engines.values())) != 1:
        return None
    return Histogram(
        _finite_bounds(texts), tuple(counts[text] for text in order), _total(families, [f"{name}_sum"]) or 0.0
    )


@lru_cache(maxsize=256)
def _order(texts: tuple[str, ...]) -> tuple[str, ...] | None:
    """Upper bounds as written, in rising order; None unless all are numbers and the last is +Inf."""
    bounds = {text: _bound(text) for text in texts}
    if any(map(math.isnan, bounds.values())) or math.inf not in bounds.values():
        return None
    return tuple(sorted(texts, key=bounds.__getitem__))


@lru_cache(maxsize=256)
def _finite_bounds(texts: tuple[str, ...]) -> tuple[float, ...]:
    """Cached, so that all samples of a fleet share them."""
    return tuple(sorted(bound for bound in map(_bound, texts) if math.isfinite(bound)))


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
