"""What metrics and flags mean, in a sentence each: what `vops explain` prints beside what differs between versions.

Names are those of the newest vLLM, without `vllm:` and without `_bucket`, `_sum` and `_count`; older names lead to them
by vops.model.dialects. Only what vops reads, or what decides a diagnosis, is here.
"""

from __future__ import annotations

import msgspec

from vops.model.dialects import DIALECTS, METRIC_NAMES, SHORT_FLAGS, Version

_PARTS = ("_bucket", "_sum", "_count", "_created")
_PREFIXES = ("vllm:", "vllm_", "--")


class Meaning(msgspec.Struct, frozen=True):
    """A name with what it says; `unit` is a metric's type and unit, or what a flag takes."""

    name: str
    says: str
    unit: str = ""
    versions: str = ""


_METRICS = {
    "num_requests_running": ("gauge, requests", "Requests in the batch of the step that runs now."),
    "num_requests_waiting": (
        "gauge, requests",
        "Requests that wait for room in the KV cache or in the batch. More than 0 for long means that the replica is "
        "full: the best signal to scale by.",
    ),
    "kv_cache_usage_perc": (
        "gauge, 0..1 in spite of its name",
        "Share of KV cache blocks that requests hold. Blocks kept only for the prefix cache count as free, so a warm "
        "idle server shows 0. Average it over `engine`, never sum it.",
    ),
    "cache_config_info": (
        "gauge, always 1",
        "The KV cache's configuration as labels; newer versions have kv_cache_size_tokens among them. It has no "
        "model_name.",
    ),
    "generation_tokens_total": ("counter, tokens", "Tokens generated: its rate is the throughput of decode."),
    "prompt_tokens_total": ("counter, tokens", "Prompt tokens processed: its rate is the throughput of prefill."),
    "prefix_cache_queries_total": ("counter, tokens (blocks before 0.9.2)", "Prompt tokens looked up in the cache."),
    "prefix_cache_hits_total": (
        "counter, tokens (blocks before 0.9.2)",
        "Prompt tokens that were found: hits over queries, as rates, is the hit rate.",
    ),
    "num_preemptions_total": (
        "counter, preemptions",
        "Requests that lost their KV blocks and have to be computed again. A rate above 0 that lasts is thrash.",
    ),
    "iteration_tokens_total": (
        "histogram, tokens a step",
        "Tokens of each engine step. Its _count is the engine's pulse: requests running and no step for minutes means "
        "a wedged engine.",
    ),
    "request_success_total": (
        "counter, requests",
        "Finished requests by finished_reason (stop, length, abort, error).",
    ),
    "time_to_first_token_seconds": ("histogram, seconds", "From the request to its first token, queueing included."),
    "inter_token_latency_seconds": ("histogram, seconds", "Between one token and the next of a request."),
    "request_queue_time_seconds": ("histogram, seconds", "Time in the queue before a request first ran."),
    "e2e_request_latency_seconds": ("histogram, seconds", "From the request to its last token."),
    "nixl_num_failed_transfers_total": ("counter, transfers", "Transfers of KV cache between pods that failed."),
    "nixl_num_kv_expired_reqs_total": (
        "counter, requests",
        "Requests whose KV blocks the decoder did not fetch before their lease ended.",
    ),
    "DCGM_FI_DEV_GPU_UTIL": (
        "gauge, percent",
        "Share of time in which some kernel ran: 100 for a server that decodes one request as for a full one, so a "
        "poor signal to scale by.",
    ),
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": ("gauge, 0..1", "Share of time in which the compute engine was active."),
    "DCGM_FI_DEV_FB_USED": ("gauge, MiB", "GPU memory in use; vLLM takes its share at the start and keeps it."),
    "DCGM_FI_DEV_FB_FREE": ("gauge, MiB", "GPU memory that is free."),
    "DCGM_FI_DEV_XID_ERRORS": (
        "gauge, an Xid's number",
        "The last Xid of the GPU. 79 and others mean broken hardware, 13, 31 and 43 an error of the program.",
    ),
    "DCGM_FI_DEV_GPU_TEMP": ("gauge, °C", "Temperature of the GPU."),
    "DCGM_FI_DEV_POWER_USAGE": ("gauge, W", "Power that the GPU draws."),
}
_FLAGS = {
    "model": (
        "NAME or PATH",
        "The model: a repository of the hub, or a folder. `vllm serve` takes it as its argument.",
    ),
    "served-model-name": ("NAME…", "What clients call the model by; the first is the label of metrics."),
    "tensor-parallel-size": ("N", "GPUs that each layer is split over: a divisor of the model's attention heads."),
    "pipeline-parallel-size": ("N", "Stages that the layers are split into, each on tensor-parallel-size GPUs."),
    "data-parallel-size": ("N", "Copies of the engine behind one server."),
    "max-model-len": (
        "TOKENS",
        "The longest prompt with its answer. Defaults to what the model was made for, which may need more KV cache "
        "than there is: the usual cause of `kv-cache-too-small`.",
    ),
    "gpu-memory-utilization": (
        "0..1",
        "Share of each GPU's memory that vLLM budgets for weights, activations and KV cache; all of it must be free at "
        "the start.",
    ),
    "max-num-seqs": ("N", "Most requests in one step. Fewer need less memory for logits and CUDA graphs."),
    "max-num-batched-tokens": ("TOKENS", "Most tokens in one step; it bounds the memory of activations."),
    "kv-cache-dtype": ("auto, fp8, …", "How KV cache entries are kept; fp8 holds twice as many tokens."),
    "quantization": ("METHOD", "How the weights are quantised. The model's configuration tells it; rarely needed."),
    "dtype": ("auto, half, bfloat16, …", "Type of weights and activations. GPUs before Ampere have no bfloat16."),
    "load-format": ("auto, safetensors, …", "How the weights' files are read."),
    "enforce-eager": ("", "No CUDA graphs: a faster start and less memory, slower decode."),
    "trust-remote-code": ("", "Run code from the model's repository in the container. Only if you trust it."),
    "swap-space": ("GiB", "Host memory for each GPU to swap KV cache to."),
    "cpu-offload-gb": ("GiB", "Weights of each GPU that are kept in host memory."),
    "enable-prefix-caching": ("", "Keep the KV cache of finished prompts for others that begin alike; on by default."),
    "chat-template": ("FILE or TEXT", "The template that makes a prompt of a chat, where the model brings none."),
    "api-key": ("KEY", "What clients must send to /v1. /health needs none, so probe that."),
    "host": ("ADDRESS", "Where to listen; a loopback address cannot be probed by the kubelet."),
    "port": ("PORT", "Where to listen; 8000 unless told otherwise."),
    "kv-transfer-config": ("JSON", "The connector that hands KV cache to other servers (NIXL, LMCache)."),
    "shutdown-timeout": ("SECONDS", "How long running requests may finish after SIGTERM."),
    "download-dir": ("PATH", "Where the model's files are kept, in place of HF_HOME."),
}


def metric(name: str) -> Meaning | None:
    """What a metric means, by any of its names and with or without its parts; None for one that is not known."""
    plain = name.removeprefix("vllm:").removeprefix("vllm_")
    shown = "" if plain.startswith("DCGM_") else "vllm:"
    for candidate in _spellings(plain):
        successor = next((item.instead for item in METRIC_NAMES if item.name == candidate and item.instead), "")
        for known in (candidate, successor):
            if known in _METRICS:
                unit, says = _METRICS[known]
                return Meaning(f"{shown}{candidate}", says, unit, _exported(candidate))
    return None


def flag(name: str) -> Meaning | None:
    """What a flag of vLLM means; None for one that is not known."""
    plain = name.lstrip("-").replace("_", "-")
    plain = SHORT_FLAGS.get(plain, plain)
    versions = _taken(plain)
    if plain not in _FLAGS:
        return Meaning(f"--{plain}", "A flag that not every version of vLLM takes.", "", versions) if versions else None
    takes, says = _FLAGS[plain]
    return Meaning(f"--{plain}", says, takes, versions)


def names() -> tuple[str, ...]:
    """Every metric and flag that is explained, as it is written."""
    metrics = (name if name.startswith("DCGM_") else f"vllm:{name}" for name in _METRICS)
    return (*metrics, *(f"--{name}" for name in _FLAGS))


def _spellings(plain: str) -> tuple[str, ...]:
    bare = next((plain.removesuffix(part) for part in _PARTS if plain.endswith(part)), plain)
    return (plain, bare, f"{bare}_total")


def _exported(name: str) -> str:
    """Which versions have a metric, where not all do."""
    found = next((item for item in METRIC_NAMES if item.name == name), None)
    if found is None:
        return ""
    words = [f"since {_written(found.since)}"] if any(found.since) else []
    words += [f"until {_written(found.until)} (not in it)"] if found.until is not None else []
    words += [f"elsewhere vllm:{found.instead}"] if found.instead else []
    return ", ".join(words)


def _taken(name: str) -> str:
    """From and until which version a flag is taken, as far as vops knows of a change."""
    added = next((item.since for item in DIALECTS if name in item.added_flags), None)
    removed = next((item.since for item in DIALECTS if name in item.removed_flags), None)
    words = [f"since {_written(added)} or shortly before"] if added is not None else []
    words += [f"gone in {_written(removed)}"] if removed is not None else []
    return ", ".join(words)


def _written(version: Version) -> str:
    return ".".join(map(str, version))
