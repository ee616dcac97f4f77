"""Defaults are those of the release and the card."""

from typing import Any

import pytest

from tests.unit.sizing.models import card, model, sized
from vops.errors import UsageError
from vops.model.dialects import MEMORY_DIALECTS, memory_dialect
from vops.sizing.settings import Asked, resolve


@pytest.mark.parametrize(
    ("gpu", "version", "sequences", "batched", "utilization"),
    [
        ("L4", (0, 8, 5), 256, 2048, 0.90),
        ("T4", (0, 8, 5), 256, 8192, 0.90),
        ("A100-80", (0, 8, 5), 1024, 8192, 0.90),
        ("A100-80", (0, 9, 2), 256, 2048, 0.90),
        ("H100", (0, 19, 1), 1024, 8192, 0.90),
        ("H100", (0, 20, 0), 1024, 8192, 0.92),
        ("B200", (0, 27, 1), 1024, 8192, 0.92),
        ("B200", (0, 29, 0), 1024, 16384, 0.92),
        ("GB10", None, 256, 2048, 0.92),
    ],
)
def test_defaults_are_those_of_the_release_and_the_card(
    gpu: str, version: tuple[int, int, int] | None, sequences: int, batched: int, utilization: float
) -> None:
    found = resolve(model("llama3-8b"), card(gpu), Asked(version=version))
    assert (found.max_num_seqs, found.max_num_batched_tokens) == (sequences, batched)
    assert found.gpu_memory_utilization == utilization


@pytest.mark.parametrize(
    ("name", "version", "second"),
    [
        ("llama3-8b", (0, 22, 1), False),
        ("qwen3-8b", (0, 22, 1), True),
        ("llama3-8b", (0, 23, 0), True),
        ("gemma2-9b", (0, 24, 0), False),
        ("gemma2-9b", (0, 25, 1), True),
        ("mixtral-8x7b", (0, 25, 1), False),
        ("deepseek-v2-lite", (0, 25, 1), True),
        ("jamba-v0.1", (0, 25, 1), False),
        ("jamba-v0.1", (0, 33, 0), True),
    ],
)
def test_the_second_runner_takes_over_release_by_release(
    name: str, version: tuple[int, int, int], second: bool
) -> None:
    assert resolve(model(name), card("H100"), Asked(version=version)).v2_runner is second


def test_generations_are_in_order_and_the_newest_stands_for_unknown_versions() -> None:
    since = [entry.since for entry in MEMORY_DIALECTS]
    assert since == sorted(set(since))
    assert memory_dialect(None) is memory_dialect((9, 9, 9)) is MEMORY_DIALECTS[-1]
    assert memory_dialect((0, 1, 0)) is MEMORY_DIALECTS[0]


@pytest.mark.parametrize(
    ("gpu", "asked", "block"),
    [
        ("H100", {}, 16),
        ("H100", {"kv_cache_dtype": "fp8"}, 64),
        ("B200", {}, 64),
        ("H100", {"block_size": 128}, 128),
    ],
)
def test_blocks_of_a_latent_cache_are_what_its_kernel_takes(gpu: str, asked: dict[str, Any], block: int) -> None:
    assert resolve(model("deepseek-v2-lite"), card(gpu), Asked(**asked)).block_size == block


def test_an_unknown_cache_dtype_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--kv-cache-dtype 'fp9'"):
        resolve(model("llama3-8b"), card("L4"), Asked(kv_cache_dtype="fp9"))


def test_float32_doubles_weights_and_cache() -> None:
    """A logged start of Llama-3.1-8B with --dtype float32: 29.98 GiB, and half the tokens a GiB."""
    single, plain = (sized("llama3-8b", version=(0, 19, 0), dtype=dtype) for dtype in ("float32", "auto"))
    assert single.weights.gpu_bytes / 2**30 == pytest.approx(29.95, rel=0.01)
    assert single.kv_bytes_per_token == 2 * plain.kv_bytes_per_token
    with pytest.raises(UsageError, match="--dtype 'fp12'"):
        sized("llama3-8b", dtype="fp12")


KV_SCHEME = {"num_bits": 8, "type": "float", "dynamic": False}


@pytest.mark.parametrize(
    ("declared", "asked", "dtype"),
    [
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_scheme": KV_SCHEME}, {}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}, {}, "fp8"),
        ({"quant_method": "compressed-tensors", "config_groups": {}, "kv_cache_scheme": KV_SCHEME}, {}, "fp8"),
        ({"quant_method": "compressed-tensors", "config_groups": {}, "kv_cache_scheme": None}, {}, "auto"),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "INT3"}, {}, "auto"),
        ({"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}, {"version": (0, 12, 0)}, "auto"),
        ({"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}, {"kv_cache_dtype": "bfloat16"}, "bfloat16"),
    ],
)
def test_a_checkpoint_may_ask_for_the_caches_dtype(declared: Any, asked: dict[str, Any], dtype: str) -> None:
    found = resolve(model("llama3-8b", quantization_config=declared), card("H100"), Asked(**asked))
    assert found.kv_cache_dtype == dtype
    assert found.kv_bytes == (1.0 if dtype == "fp8" else 2.0)
