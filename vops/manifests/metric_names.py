"""vLLM's metric names in queries: which are counters, which came and went with a version, which labels they carry.

Sources: vllm/v1/metrics/loggers.py of 0.8.5, 0.12.0 and 0.33.0. Names are without the `vllm:` prefix.
"""

from __future__ import annotations

from typing import NamedTuple

from vops.model.dialects import Version

COUNTERS = frozenset(
    {
        "prompt_tokens",
        "generation_tokens",
        "num_preemptions",
        "request_success",
        "prefix_cache_queries",
        "prefix_cache_hits",
        "gpu_prefix_cache_queries",
        "gpu_prefix_cache_hits",
        "external_prefix_cache_queries",
        "external_prefix_cache_hits",
        "mm_cache_queries",
        "mm_cache_hits",
        "spec_decode_num_drafts",
        "spec_decode_num_draft_tokens",
        "spec_decode_num_accepted_tokens",
        "nixl_num_failed_transfers",
        "nixl_num_failed_notifications",
        "admission_rejections",
        "prompt_tokens_cached",
        "prompt_tokens_by_source",
    }
)
"""Counters as the code names them; the page always shows them with `_total`."""

USAGES = frozenset({"kv_cache_usage_perc", "gpu_cache_usage_perc", "cpu_cache_usage_perc"})
"""Gauges from 0 to 1, whatever `_perc` suggests."""


GAUGES = USAGES | {"num_requests_running", "num_requests_waiting", "num_requests_swapped"}
"""What goes up and down."""


class Renamed(NamedTuple):
    """A metric that a version no longer has, and what carries its meaning since when."""

    gone: Version
    instead: str = ""


REMOVED: dict[str, Renamed] = {
    "gpu_cache_usage_perc": Renamed((0, 12, 0), "kv_cache_usage_perc"),
    "gpu_prefix_cache_hits_total": Renamed((0, 12, 0), "prefix_cache_hits_total"),
    "gpu_prefix_cache_queries_total": Renamed((0, 12, 0), "prefix_cache_queries_total"),
    "gpu_prefix_cache_hits": Renamed((0, 12, 0), "prefix_cache_hits_total"),
    "gpu_prefix_cache_queries": Renamed((0, 12, 0), "prefix_cache_queries_total"),
    "gpu_prefix_cache_hit_rate": Renamed((0, 12, 0), "prefix_cache_hits_total"),
    "cpu_prefix_cache_hit_rate": Renamed((0, 12, 0)),
    "cpu_cache_usage_perc": Renamed((0, 12, 0)),
    "num_requests_swapped": Renamed((0, 12, 0), "num_preemptions_total"),
    "avg_prompt_throughput_toks_per_s": Renamed((0, 12, 0), "prompt_tokens_total"),
    "avg_generation_throughput_toks_per_s": Renamed((0, 12, 0), "generation_tokens_total"),
    "time_per_output_token_seconds": Renamed((0, 13, 0), "inter_token_latency_seconds"),
}

ADDED: dict[str, Version] = {
    "kv_cache_usage_perc": (0, 9, 2),
    "prefix_cache_hits_total": (0, 9, 2),
    "prefix_cache_queries_total": (0, 9, 2),
    "inter_token_latency_seconds": (0, 10, 2),
}

_HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def family(name: str) -> str:
    """The name of a metric without the part of a histogram that is asked for."""
    for part in _HISTOGRAM_PARTS:
        if name.endswith(part):
            return name.removesuffix(part)
    return name
