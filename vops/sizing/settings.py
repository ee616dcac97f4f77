"""The engine's settings that decide memory, resolved to numbers for one version of vLLM and one card.

Source of the defaults: vLLM's engine/arg_utils.py `get_batch_defaults` and `_is_v1_supported_oracle`, config/cache.py.
"""

from __future__ import annotations

import msgspec

from vops.errors import UsageError
from vops.model.dialects import MemoryDialect, Version, memory_dialect
from vops.sizing.architecture import Architecture
from vops.sizing.gpus import GIB, Card
from vops.sizing.parallelism import Parallelism

BIG_CARD_GIB = 70
HUGE_CARD_GIB = 160
CHUNKED_FROM = 32768
V0_GONE = (0, 11, 0)
HOPPER = 9
CHECKPOINT_CACHE_SINCE = (0, 15, 0)
_DTYPE_BYTES = {"half": 2, "float16": 2, "bfloat16": 2, "float": 4, "float32": 4}
_KV_BYTES = {
    "bfloat16": 2.0,
    "float16": 2.0,
    "half": 2.0,
    "fp8": 1.0,
    "fp8_e4m3": 1.0,
    "fp8_e5m2": 1.0,
    "fp8_inc": 1.0,
    "fp8_ds_mla": 1.0,
    "int8_per_token_head": 1.0,
    "fp8_per_token_head": 1.0,
    "int4_per_token_head": 0.5,
    "nvfp4": 0.5625,
}


class Speculation(msgspec.Struct, frozen=True):
    """Speculative decoding: `method` as vLLM names it; a separate draft model by its own architecture."""

    method: str = ""
    tokens: int = 0
    draft: Architecture | None = None


class Asked(msgspec.Struct, frozen=True):
    """What the user said; None where vLLM's default holds."""

    version: Version | None = None
    parallelism: Parallelism = Parallelism()
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    kv_cache_dtype: str = "auto"
    dtype: str = "auto"
    quantization: str | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    block_size: int | None = None
    enforce_eager: bool = False
    hybrid_manager: bool = True
    prefix_caching: bool | None = None
    lora_rank: int = 0
    lora_slots: int = 1
    speculation: Speculation = Speculation()
    cpu_offload_gib: float = 0.0


class Resolved(msgspec.Struct, frozen=True):
    """Every setting as a number. `legacy` tells the V0 engine of vLLM 0.8.5 to 0.10 on cards before Ampere.

    `prefix_caching` matters to hybrids only; `draft_tokens` are guessed at each step; `fused_delta` tells FlashInfer's
    gated delta net (Hopper and Blackwell).
    """

    dialect: MemoryDialect
    parallelism: Parallelism
    max_model_len: int
    gpu_memory_utilization: float
    kv_cache_dtype: str
    kv_bytes: float
    max_num_seqs: int
    max_num_batched_tokens: int
    block_size: int
    eager: bool
    v2_runner: bool
    legacy: bool
    prefix_caching: bool = False
    draft_tokens: int = 0
    fused_delta: bool = False


def resolve(model: Architecture, card: Card, asked: Asked) -> Resolved:
    """The numbers vLLM would use. Raises UsageError for a value that no version takes."""
    dialect = memory_dialect(asked.version)
    legacy = asked.version is not None and asked.version < V0_GONE and not card.bf16
    max_len = asked.max_model_len or model.max_length
    cache = _cache_dtype(model, asked)
    batched = asked.max_num_batched_tokens or _batched_tokens(card, dialect, max_len, legacy=legacy)
    return Resolved(
        dialect=dialect,
        parallelism=asked.parallelism,
        max_model_len=max_len,
        gpu_memory_utilization=asked.gpu_memory_utilization or dialect.gpu_memory_utilization,
        kv_cache_dtype=cache,
        kv_bytes=_kv_bytes(model, cache),
        max_num_seqs=min(asked.max_num_seqs or _sequences(card, dialect, legacy=legacy), batched),
        max_num_batched_tokens=batched,
        block_size=asked.block_size or _block_size(model, card, cache),
        eager=asked.enforce_eager,
        v2_runner=not legacy and _v2_runner(model, dialect, asked.speculation),
        legacy=legacy,
        prefix_caching=model.is_hybrid and _decided(asked.prefix_caching, default=dialect.hybrid_prefix_caching),
        draft_tokens=max(1, asked.speculation.tokens) if asked.speculation.method else 0,
        fused_delta=card.capability[0] >= HOPPER,
    )


def _cache_dtype(model: Architecture, asked: Asked) -> str:
    """What was asked, or what the checkpoint asks for where the release heeds it."""
    heeded = asked.version is None or asked.version >= CHECKPOINT_CACHE_SINCE
    wanted = model.quantization.cache if asked.quantization is None and heeded else ""
    return wanted if asked.kv_cache_dtype == "auto" and wanted else asked.kv_cache_dtype


def _decided(asked: bool | None, *, default: bool) -> bool:
    return default if asked is None else asked


def dtype_bytes(model: Architecture, dtype: str) -> int:
    """Bytes of an element of the unquantized weights and of activations. Raises UsageError for an unknown dtype."""
    if dtype == "auto":
        return model.dtype_bytes
    if dtype not in _DTYPE_BYTES:
        raise UsageError(f"--dtype {dtype!r} is not known", hint=f"one of auto, {', '.join(_DTYPE_BYTES)}")
    return _DTYPE_BYTES[dtype]


def kv_dtypes() -> tuple[str, ...]:
    """What `--kv-cache-dtype` may be."""
    return ("auto", *_KV_BYTES)


def _kv_bytes(model: Architecture, dtype: str) -> float:
    if dtype == "auto":
        return model.dtype_bytes
    if dtype not in _KV_BYTES:
        raise UsageError(f"--kv-cache-dtype {dtype!r} is not known", hint=f"one of {', '.join(kv_dtypes())}")
    return _KV_BYTES[dtype]


def _is_big(card: Card, dialect: MemoryDialect) -> bool:
    """Whether vLLM takes its large defaults: by memory, but for the A100 (from 0.9) and the GB10."""
    if card.name == "GB10" or (card.is_a100 and dialect.a100_is_small):
        return False
    return card.memory_gib >= BIG_CARD_GIB


def _sequences(card: Card, dialect: MemoryDialect, *, legacy: bool) -> int:
    return 1024 if _is_big(card, dialect) and not legacy else 256


def _batched_tokens(card: Card, dialect: MemoryDialect, max_len: int, *, legacy: bool) -> int:
    """V0 batches whole prompts, unless they are long enough for it to chunk them."""
    if legacy:
        return 2048 if max_len > CHUNKED_FROM else max(max_len, 2048)
    if not _is_big(card, dialect):
        return 2048
    return dialect.batch_of_160_gib if card.memory_bytes >= HUGE_CARD_GIB * GIB else 8192


def _block_size(model: Architecture, card: Card, kv_dtype: str) -> int:
    """16 tokens; FlashMLA (quantized latent cache on Hopper) wants 64, and so do the latent kernels of Blackwell."""
    if model.latent is None:
        return 16
    quantized = kv_dtype.startswith("fp8")
    return 64 if card.capability[0] == 10 or (quantized and card.capability[0] == 9) else 16


def _v2_runner(model: Architecture, dialect: MemoryDialect, speculation: Speculation) -> bool:
    """Whether the V2 model runner is used (config/vllm.py `_is_default_v2_model_runner_model`)."""
    if speculation.method.startswith("ngram"):
        return False
    if "all" in dialect.v2 or model.name in dialect.v2:
        return True
    return "dense" in dialect.v2 and not model.is_moe and not model.is_recurrent
