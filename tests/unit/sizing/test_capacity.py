"""The budget as real starts had it: recorded logs of 0.25.1, published profiles of 0.11, and worked examples."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.sizing.models import DATA, GIB, model, sized
from vops.diagnosis.logs.reader import read_log
from vops.diagnosis.logs.reading import LogReading
from vops.sizing.capacity import Limit, Measured, Sizing, Verdict, size

STARTS = sorted((DATA / "starts").glob("*.log"))
NAMES = {"/models/llama3-8b": "llama3-8b", "/models/qwen3-0.6b": "qwen3-0.6b"}


def _as_started(reading: LogReading) -> Sizing:
    """The sizing for what the log says was asked."""
    given = reading.arguments
    whole: dict[str, Any] = {
        name: int(given[name]) for name in ("max_model_len", "max_num_seqs", "max_num_batched_tokens") if name in given
    }
    return sized(
        NAMES[reading.model],
        gpu_memory_utilization=float(given["gpu_memory_utilization"]),
        enforce_eager=given.get("enforce_eager") == "True",
        quantization=given.get("quantization"),
        **whole,
    )


@pytest.mark.parametrize("log", STARTS, ids=lambda path: path.stem)
def test_recorded_starts_are_predicted(log: Path) -> None:
    reading = read_log(log.read_text("utf-8"))
    predicted = _as_started(reading)
    assert predicted.weights.gpu_bytes / GIB == pytest.approx(reading.weights_gib, rel=0.01)
    assert predicted.kv_cache_bytes / GIB == pytest.approx(reading.kv_available_gib, rel=0.01)
    assert predicted.kv_tokens == pytest.approx(reading.kv_tokens, rel=0.01)


FP8 = {
    "quant_method": "compressed-tensors",
    "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float", "strategy": "channel"}}},
    "ignore": ["lm_head"],
}


@pytest.mark.parametrize(
    ("name", "tp", "utilization", "changed", "activation", "cache"),
    [
        ("llama3-8b", 1, 0.9, {"max_position_embeddings": 131072}, 4.76, 51.38),
        ("qwen3-0.6b", 1, 0.9, {}, 5.56, 64.45),
        ("llama3-70b", 2, 0.9, {"quantization_config": FP8}, 4.84, 32.00),
        ("gpt-oss-20b", 1, 0.9, {}, 7.38, 50.28),
        ("gpt-oss-120b", 1, 0.95, {}, 7.38, 3.33),
    ],
)
def test_published_profiles_of_older_releases_are_predicted(
    name: str, tp: int, utilization: float, changed: dict[str, Any], activation: float, cache: float
) -> None:
    predicted = sized(
        model(name, **changed), tp=tp, version=(0, 11, 0), max_model_len=16000, gpu_memory_utilization=utilization
    )
    assert predicted.overhead.activation_bytes / GIB == pytest.approx(activation, rel=0.02)
    assert predicted.kv_cache_bytes / GIB == pytest.approx(cache, rel=0.07 if cache < 5 else 0.01)


@pytest.mark.parametrize(
    ("name", "scheme", "gpu", "tp", "version", "utilization", "kv_dtype", "cache", "verdict"),
    [
        ("llama3-8b", None, "L4", 1, (0, 8, 5), 0.9, "auto", 3.5, Verdict.THIN),
        ("llama3-8b", None, "L4", 1, (0, 33, 0), None, "auto", 4.3, Verdict.FITS),
        ("llama3-8b", None, "L4", 1, (0, 33, 0), 0.9, "fp8", 3.8, Verdict.FITS),
        ("llama3-8b", "awq", "T4", 1, (0, 8, 5), 0.9, "auto", 6.5, Verdict.FITS),
        ("llama3-8b", None, "T4", 1, (0, 8, 5), 0.9, "auto", None, Verdict.NO),
        ("llama3-8b", None, "A100-40", 1, (0, 8, 5), 0.9, "auto", 19.2, Verdict.FITS),
        ("llama3-8b", None, "A100-40", 2, (0, 8, 5), 0.9, "auto", 26.2, Verdict.FITS),
        ("llama3-8b", None, "H100", 1, (0, 8, 5), 0.9, "auto", 51.4, Verdict.FITS),
        ("llama3-70b", None, "H100", 4, (0, 8, 5), 0.9, "auto", 33.1, Verdict.FITS),
        ("llama3-70b", None, "H100", 8, (0, 8, 5), 0.9, "auto", 49.5, Verdict.FITS),
        ("llama3-70b", None, "A100-80", 4, (0, 33, 0), 0.9, "auto", 36.0, Verdict.FITS),
        ("llama3-70b", None, "A100-40", 4, (0, 8, 5), 0.9, "auto", 0.8, Verdict.TIGHT),
        ("llama3-70b", None, "A100-40", 8, (0, 8, 5), 0.9, "auto", 17.2, Verdict.FITS),
        ("llama3-70b", "awq", "L4", 2, (0, 8, 5), 0.9, "auto", None, Verdict.NO),
        ("llama3-70b", "awq", "L4", 4, (0, 8, 5), 0.9, "auto", 8.8, Verdict.FITS),
    ],
)
def test_worked_examples_have_their_verdict(
    name: str,
    scheme: str | None,
    gpu: str,
    tp: int,
    version: tuple[int, int, int],
    utilization: float | None,
    kv_dtype: str,
    cache: float | None,
    verdict: Verdict,
) -> None:
    found = sized(
        name,
        gpu,
        tp=tp,
        version=version,
        quantization=scheme,
        gpu_memory_utilization=utilization,
        kv_cache_dtype=kv_dtype,
        max_model_len=8192,
    )
    assert found.verdict is verdict
    assert found.fits is (verdict in (Verdict.FITS, Verdict.THIN))
    if cache is None:
        assert found.kv_cache_bytes < 0
    else:
        assert found.kv_cache_bytes / GIB == pytest.approx(cache, rel=0.1)


@pytest.mark.parametrize(
    ("of", "gpu", "asked", "limit"),
    [
        ("llama3-70b", "L4", {}, Limit.WEIGHTS),
        ("llama3-8b", "L4", {}, Limit.KV_CACHE),
        ("llama3-8b", "H100", {"max_model_len": 128, "max_num_seqs": 8}, Limit.SEQUENCES),
        ("llama3-8b", "A10", {"version": (0, 11, 0), "max_num_seqs": 1024}, Limit.ACTIVATIONS),
        ("llama3-8b", "H100", {"tp": 5}, Limit.PARALLELISM),
    ],
)
def test_the_limiting_term_is_named(of: str, gpu: str, asked: dict[str, Any], limit: Limit) -> None:
    assert sized(of, gpu, **asked).limited_by is limit


def test_a_measured_start_is_preferred_to_the_prediction() -> None:
    before = sized("llama3-8b", "L4")
    measured = Measured(weights_gib=15.0, kv_available_gib=2.0, kv_tokens=16384, at="2026-01-02")
    after = size(before.model, before.card, before.asked, measured=measured)
    assert (after.kv_tokens, after.sequences) == (16384, 2)
    assert after.weights.gpu_bytes == 15 * GIB


def test_the_longest_context_is_what_the_cache_holds() -> None:
    found = sized("llama3-70b", "A100-40", tp=4, version=(0, 8, 5))
    assert 8192 <= found.longest_context <= found.kv_tokens
    assert sized("llama3-70b", "L4").longest_context == 0


def test_checkpoint_bytes_replace_the_sum_of_the_shapes() -> None:
    before = sized("llama3-8b", "L4")
    after = size(before.model, before.card, before.asked, checkpoint_bytes=8 * 10**9)
    assert after.weights.gpu_bytes == pytest.approx(8 * 10**9, rel=0.01)
