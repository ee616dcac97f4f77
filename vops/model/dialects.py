"""What differs between the versions of vLLM: metric names, units, flags. One table; nothing is version-gated elsewhere.

A scrape does not tell its version, so metrics are read by aliases: every name that any known version used for one
meaning. Where a version is known (image tag, `/version`), `dialect` gives the newest entry that is not newer than it.
Sources: the wheels 0.8.5, 0.12.0, 0.33.0 and recorded pages of 0.25.1 and 0.32.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from itertools import accumulate
from typing import Any

import msgspec

Version = tuple[int, int, int]
_TAG = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?", re.ASCII)


class Unit(StrEnum):
    """What a counter counts."""

    BLOCKS = "blocks"
    TOKENS = "tokens"


class Dialect(msgspec.Struct, frozen=True):
    """One generation of vLLM, from `since` until the next entry. Flags are long names without the dashes."""

    since: Version
    kv_usage_metric: str
    itl_metric: str
    prefix_metric: str
    prefix_unit: Unit
    reports_kv_tokens: bool
    default_gpu_memory_utilization: float
    serve_takes_model_flag: bool
    added_flags: frozenset[str] = frozenset()
    removed_flags: frozenset[str] = frozenset()


DIALECTS: tuple[Dialect, ...] = (
    Dialect(
        since=(0, 8, 5),
        kv_usage_metric="gpu_cache_usage_perc",
        itl_metric="time_per_output_token_seconds",
        prefix_metric="gpu_prefix_cache",
        prefix_unit=Unit.BLOCKS,
        reports_kv_tokens=False,
        default_gpu_memory_utilization=0.90,
        serve_takes_model_flag=False,
    ),
    Dialect(
        since=(0, 12, 0),
        kv_usage_metric="kv_cache_usage_perc",
        itl_metric="inter_token_latency_seconds",
        prefix_metric="prefix_cache",
        prefix_unit=Unit.TOKENS,
        reports_kv_tokens=False,
        default_gpu_memory_utilization=0.90,
        serve_takes_model_flag=True,
        added_flags=frozenset({"kv-cache-memory-bytes", "optimization-level", "safetensors-load-strategy"}),
        removed_flags=frozenset(
            {
                "device",
                "num-scheduler-steps",
                "preemption-mode",
                "use-v2-block-manager",
                "enable-reasoning",
                "max-seq-len-to-capture",
                "guided-decoding-backend",
                "rope-scaling",
            }
        ),
    ),
    Dialect(
        since=(0, 25, 0),
        kv_usage_metric="kv_cache_usage_perc",
        itl_metric="inter_token_latency_seconds",
        prefix_metric="prefix_cache",
        prefix_unit=Unit.TOKENS,
        reports_kv_tokens=True,
        default_gpu_memory_utilization=0.92,
        serve_takes_model_flag=True,
        added_flags=frozenset({"disable-access-log-for-endpoints", "shutdown-timeout"}),
        removed_flags=frozenset({"swap-space"}),
    ),
    Dialect(
        since=(0, 32, 0),
        kv_usage_metric="kv_cache_usage_perc",
        itl_metric="inter_token_latency_seconds",
        prefix_metric="prefix_cache",
        prefix_unit=Unit.TOKENS,
        reports_kv_tokens=True,
        default_gpu_memory_utilization=0.92,
        serve_takes_model_flag=True,
        added_flags=frozenset({"max-num-queued-reqs", "max-num-queued-tokens", "custom-histogram-buckets"}),
        removed_flags=frozenset(
            {"task", "disable-log-requests", "cuda-graph-sizes", "calculate-kv-scales", "max-num-partial-prefills"}
        ),
    ),
)


class MemoryDialect(msgspec.Struct, frozen=True):
    """How one generation of vLLM budgets GPU memory, from `since` until the next entry.

    `sampler_bytes` are the bytes that the V1 runner's profiling of the sampler holds at its peak for each of
    `max_num_seqs` × vocabulary logits (the V2 runner's have not changed). `v2` names the architectures that the V2
    runner is the default for, `"dense"` those without experts or recurrent layers, `"all"` every one. `startup_gib`
    is what a process holds on one GPU beside its tensors (CUDA modules, cuBLAS workspaces). `state_bytes` are kept for
    each logit by the V2 runner's penalties, where the release counts them. Read from v1/worker/gpu_worker.py,
    v1/sample/, config/vllm.py and engine/arg_utils.py of 20 wheels; fitted to starts where
    vops.sizing.activations says so.
    """

    since: Version
    gpu_memory_utilization: float
    sampler_bytes: float
    startup_gib: float
    graphs_in_budget: bool = False
    v2: frozenset[str] = frozenset()
    v2_graphs_in_budget: bool = False
    state_bytes: float = 0.0
    a100_is_small: bool = False
    batch_of_160_gib: int = 8192
    moe_workspace_kept: bool = False
    expert_chunk: int = 65536
    """The tokens that go through the experts at once (`VLLM_FUSED_MOE_CHUNK_SIZE`)."""
    configured_states: bool = False
    """Whether recurrent states have the dtype that the model's configuration asks for, not the model's own."""
    shared_ranks: int = 3
    """The ranks from which on collectives keep buffers in every NVSwitch-connected GPU (NVLink SHARP, symmetric)."""
    reports_group_tokens: bool = True
    """Whether `GPU KV cache size` counts tokens per layer group (blocks × block size), not concurrency × length."""
    hybrid_prefix_caching: bool = False
    """Whether hybrids of attention and recurrence cache prefixes unless told otherwise, and so keep more states."""
    states_by_block: bool = True
    """Whether Mamba layers that cache prefixes keep a state for every block (mode `all`), not two (mode `align`)."""
    checkpointing: frozenset[str] = frozenset()
    """The recurrent mixers that keep one state more to export from inside a prefill (`vops.sizing` names them)."""


def _generations(first: MemoryDialect, *changes: dict[str, Any]) -> tuple[MemoryDialect, ...]:
    """Each entry is the one before with what changed."""
    return tuple(accumulate(changes, lambda before, change: msgspec.structs.replace(before, **change), initial=first))


_V2_MIXTURES = frozenset({"DeepseekV2ForCausalLM", "Qwen2MoeForCausalLM", "GraniteMoeForCausalLM"})
MEMORY_DIALECTS: tuple[MemoryDialect, ...] = _generations(
    MemoryDialect((0, 8, 5), gpu_memory_utilization=0.90, sampler_bytes=38.0, startup_gib=0.13),
    {"since": (0, 9, 0), "a100_is_small": True},
    {"since": (0, 12, 0), "expert_chunk": 16384},
    {"since": (0, 14, 0), "moe_workspace_kept": True, "configured_states": True},
    {"since": (0, 17, 0), "sampler_bytes": 14.5, "startup_gib": 0.25, "shared_ranks": 2},
    {"since": (0, 18, 0), "expert_chunk": 2**31},
    {"since": (0, 20, 0), "gpu_memory_utilization": 0.92, "graphs_in_budget": True},
    {"since": (0, 21, 0), "reports_group_tokens": False},
    {"since": (0, 22, 0), "v2": frozenset({"Qwen3ForCausalLM"})},
    {"since": (0, 23, 0), "v2": frozenset({"LlamaForCausalLM", "MistralForCausalLM", "Qwen3ForCausalLM"})},
    {"since": (0, 25, 0), "v2": frozenset({"dense"}) | _V2_MIXTURES},
    {"since": (0, 26, 0), "hybrid_prefix_caching": True},
    {"since": (0, 27, 0), "state_bytes": 4.125},
    {"since": (0, 28, 0), "states_by_block": False},
    {"since": (0, 29, 0), "v2": frozenset({"all"}), "v2_graphs_in_budget": True, "batch_of_160_gib": 16384},
    {"since": (0, 32, 0), "checkpointing": frozenset({"mamba2"})},
    {"since": (0, 33, 0), "checkpointing": frozenset({"mamba2", "gated delta net"})},
)
"""One entry per change of the arithmetic; see MemoryDialect."""


def memory_dialect(version: Version | None) -> MemoryDialect:
    """How `version` budgets memory: the newest way for unknown or newer ones, the oldest for older ones."""
    if version is None:
        return MEMORY_DIALECTS[-1]
    return next((entry for entry in reversed(MEMORY_DIALECTS) if entry.since <= version), MEMORY_DIALECTS[0])


def _spoken(values: Iterable[str]) -> tuple[str, ...]:
    """What dialects call one thing, the newest name first."""
    return tuple(dict.fromkeys(reversed(list(values))))


class EngineMetrics(msgspec.Struct, frozen=True):
    """The names (without `vllm:`) that stand for each field of EngineSample; the first one present counts."""

    running: tuple[str, ...]
    waiting: tuple[str, ...]
    kv_usage: tuple[str, ...]
    cache_config: tuple[str, ...]
    generation_tokens: tuple[str, ...]
    prompt_tokens: tuple[str, ...]
    prefix_queries: tuple[str, ...]
    prefix_hits: tuple[str, ...]
    preemptions: tuple[str, ...]
    steps: tuple[str, ...]
    finished: tuple[str, ...]
    ttft: tuple[str, ...]
    itl: tuple[str, ...]
    queue_time: tuple[str, ...]
    prefill_s: tuple[str, ...]
    prefills: tuple[str, ...]
    e2e: tuple[str, ...]
    process_start: tuple[str, ...]

    def series_names(self) -> list[str]:
        """Every series to look for on a page, histograms as their buckets and sums."""
        histograms = (*self.ttft, *self.itl, *self.queue_time, *self.e2e)
        plain = {name for field in msgspec.structs.astuple(self) for name in field} - set(histograms)
        return sorted(plain) + [f"{name}_{part}" for name in histograms for part in ("bucket", "sum")]


ENGINE_METRICS = EngineMetrics(
    running=("num_requests_running",),
    waiting=("num_requests_waiting",),
    kv_usage=_spoken(entry.kv_usage_metric for entry in DIALECTS),
    cache_config=("cache_config_info",),
    generation_tokens=("generation_tokens_total",),
    prompt_tokens=("prompt_tokens_total",),
    prefix_queries=_spoken(f"{entry.prefix_metric}_queries_total" for entry in DIALECTS),
    prefix_hits=_spoken(f"{entry.prefix_metric}_hits_total" for entry in DIALECTS),
    preemptions=("num_preemptions_total",),
    steps=("iteration_tokens_total_count",),
    finished=("request_success_total",),
    ttft=("time_to_first_token_seconds",),
    itl=_spoken(entry.itl_metric for entry in DIALECTS),
    queue_time=("request_queue_time_seconds",),
    prefill_s=("request_prefill_time_seconds_sum",),
    prefills=("request_prefill_time_seconds_count",),
    e2e=("e2e_request_latency_seconds",),
    process_start=("process_start_time_seconds",),
)
"""One table for every version: a page is read by whichever names it holds."""


class MetricName(msgspec.Struct, frozen=True):
    """A name (without `vllm:`) that not every version exports by default.

    `until` is the first version without it, `since` the first with it; `instead` is the name for other versions, empty
    where nothing says the same. Histograms are named without `_bucket`, `_sum` and `_count`.
    """

    name: str
    instead: str = ""
    since: Version = (0, 0, 0)
    until: Version | None = None

    def exported_by(self, version: Version) -> bool:
        return self.since <= version and (self.until is None or version < self.until)


METRIC_NAMES: tuple[MetricName, ...] = (
    MetricName("gpu_cache_usage_perc", "kv_cache_usage_perc", until=(0, 11, 0)),
    MetricName("kv_cache_usage_perc", "gpu_cache_usage_perc", since=(0, 9, 2)),
    MetricName("gpu_prefix_cache_queries_total", "prefix_cache_queries_total", until=(0, 11, 0)),
    MetricName("gpu_prefix_cache_hits_total", "prefix_cache_hits_total", until=(0, 11, 0)),
    MetricName("prefix_cache_queries_total", "gpu_prefix_cache_queries_total", since=(0, 9, 2)),
    MetricName("prefix_cache_hits_total", "gpu_prefix_cache_hits_total", since=(0, 9, 2)),
    MetricName("time_per_output_token_seconds", "inter_token_latency_seconds", until=(0, 12, 0)),
    MetricName("inter_token_latency_seconds", "time_per_output_token_seconds", since=(0, 10, 2)),
    MetricName("gpu_prefix_cache_hit_rate", until=(0, 11, 0)),
    MetricName("cpu_prefix_cache_hit_rate", until=(0, 11, 0)),
    MetricName("cpu_cache_usage_perc", until=(0, 11, 0)),
    MetricName("num_requests_swapped", until=(0, 11, 0)),
    MetricName("avg_generation_throughput_toks_per_s", until=(0, 11, 0)),
    MetricName("avg_prompt_throughput_toks_per_s", until=(0, 11, 0)),
    MetricName("time_in_queue_requests", "request_queue_time_seconds", until=(0, 11, 0)),
)
"""Hidden counts as gone: a hidden metric needs `--show-hidden-metrics-for-version`."""

COUNTERS = frozenset(
    {
        "generation_tokens",
        "prompt_tokens",
        "num_preemptions",
        "request_success",
        "prefix_cache_queries",
        "prefix_cache_hits",
        "gpu_prefix_cache_queries",
        "gpu_prefix_cache_hits",
        "external_prefix_cache_queries",
        "external_prefix_cache_hits",
        "spec_decode_num_drafts",
        "spec_decode_num_draft_tokens",
        "spec_decode_num_accepted_tokens",
        "nixl_num_failed_transfers",
        "nixl_num_kv_expired_reqs",
    }
)
"""Counters as the source names them; every version shows them with `_total` at the end."""

SHORT_FLAGS = {
    "tp": "tensor-parallel-size",
    "pp": "pipeline-parallel-size",
    "dp": "data-parallel-size",
    "dcp": "decode-context-parallel-size",
    "dpn": "data-parallel-rank",
    "dpr": "data-parallel-start-rank",
    "dpl": "data-parallel-size-local",
    "dpa": "data-parallel-address",
    "dpp": "data-parallel-rpc-port",
    "dpb": "data-parallel-backend",
    "ep": "enable-expert-parallel",
    "q": "quantization",
    "n": "nnodes",
    "r": "node-rank",
    "O": "optimization-level",
    "cc": "compilation-config",
    "ac": "attention-config",
}
"""Short forms of flags; the value may be glued on to `-O` only."""

MULTIPLE_VALUES = frozenset(
    {
        "served-model-name",
        "api-key",
        "lora-modules",
        "prompt-adapters",
        "allowed-local-media-path",
        "middleware",
        "cudagraph-capture-sizes",
        "cuda-graph-sizes",
        "custom-histogram-buckets",
    }
)
"""Flags that take every word up to the next flag."""

_SWITCHES = frozenset(
    {
        "enforce-eager",
        "trust-remote-code",
        "headless",
        "async-scheduling",
        "skip-tokenizer-init",
        "return-tokens-as-token-ids",
        "use-v2-block-manager",
        "calculate-kv-scales",
        "data-parallel-hybrid-lb",
        "data-parallel-external-lb",
        "language-model-only",
        "fail-on-environ-validation",
        "kv-cache-metrics",
        "fully-sharded-loras",
    }
)
_SWITCH_PREFIXES = ("enable-", "disable-", "no-")
_NOT_SWITCHES = frozenset({"disable-access-log-for-endpoints", "disable-log-stats-interval"})

SECRET_FLAGS = frozenset({"api-key", "hf-token", "ssl-keyfile-password"})
"""Flags whose value vops never keeps."""


def is_switch(flag: str) -> bool:
    """Whether `flag` (long name, without dashes) stands alone, without a value."""
    return flag in _SWITCHES or (flag.startswith(_SWITCH_PREFIXES) and flag not in _NOT_SWITCHES)


def version_of(text: str) -> Version | None:
    """The version in `0.25.1`, `v0.12.0rc1` or an image reference's tag; None for `latest` or a digest."""
    tag = text.partition("@")[0].rpartition("/")[2]
    match = _TAG.match(tag.partition(":")[2] or tag)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3] or 0))


def dialect(version: Version | None) -> Dialect:
    """The dialect that `version` speaks: the newest for unknown or newer ones, the oldest for older ones."""
    if version is None:
        return DIALECTS[-1]
    return next((entry for entry in reversed(DIALECTS) if entry.since <= version), DIALECTS[0])
