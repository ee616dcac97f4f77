"""What is suggested has been tried: every suggestion fits, and the harmless come first."""

import pytest

from tests.unit.sizing.models import model, sized
from vops.sizing.capacity import Sizing, Verdict
from vops.sizing.loading import start
from vops.sizing.roofline import roofline
from vops.sizing.settings import Asked
from vops.sizing.suggestions import Suggestion, placements, resizer, suggestions


def _suggested(sizing: Sizing) -> tuple[Suggestion, ...]:
    return suggestions(sizing, resizer(sizing.model, None))


@pytest.mark.parametrize(
    ("name", "gpu", "tp", "asked", "first"),
    [
        ("llama3-70b", "A100-40", 4, {"version": (0, 8, 5)}, "--max-num-seqs 32"),
        ("llama3-70b", "L4", 2, {"quantization": "awq", "version": (0, 8, 5)}, "--tensor-parallel-size 4"),
        ("llama3-8b", "T4", 1, {}, "--tensor-parallel-size 2"),
        ("qwen3-8b", "L4", 1, {"gpu_memory_utilization": 0.95, "max_num_seqs": 16}, "--kv-cache-dtype fp8"),
        ("qwen3-8b", "A10", 1, {"gpu_memory_utilization": 0.95, "max_num_seqs": 16}, "--max-model-len 28672"),
        (
            "qwen3-8b",
            "A10",
            1,
            {"version": (0, 12, 0), "max_model_len": 8192, "max_num_seqs": 1024},
            "--max-num-seqs 32",
        ),
    ],
)
def test_the_first_suggestion_is_the_cheapest_that_fits(
    name: str, gpu: str, tp: int, asked: dict[str, object], first: str
) -> None:
    found = _suggested(sized(name, gpu, tp=tp, **asked))
    assert found[0].flags == (first,)
    assert all(item.sizing.fits for item in found)


def test_a_thin_fit_is_told_what_would_hold_more() -> None:
    before = sized("llama3-8b", "L4", version=(0, 8, 5))
    assert before.verdict is Verdict.THIN
    flags = [item.flags[0] for item in _suggested(before)]
    assert "--kv-cache-dtype fp8" in flags
    assert all(item.sizing.concurrency > before.concurrency for item in _suggested(before))


def test_a_hybrid_holds_more_requests_where_prefixes_are_not_cached() -> None:
    before = sized("granite-4.0-h-small", "H100", version=(0, 33, 0), max_model_len=4096, gpu_memory_utilization=0.83)
    found = {item.flags[0]: item for item in _suggested(before)}
    assert found["--no-enable-prefix-caching"].sizing.concurrency > before.concurrency * 1.1


def test_flags_that_only_help_together_are_given_together_and_none_too_many() -> None:
    before = sized("llama3-70b", "A10", tp=8, version=(0, 11, 0), gpu_memory_utilization=0.8, max_num_seqs=1024)
    (found,) = _suggested(before)
    assert found.flags == ("--max-num-seqs 32", "--gpu-memory-utilization 0.95")
    assert found.sizing.fits


def test_what_fits_well_and_what_cannot_be_divided_gets_no_suggestion() -> None:
    assert _suggested(sized("llama3-8b", "H100")) == ()
    assert _suggested(sized("llama3-8b", "H100", tp=5)) == ()


def test_cards_for_a_concurrency_hold_it_and_come_by_their_cost() -> None:
    found = placements(model("llama3-70b"), Asked(max_model_len=8192), 16)
    assert all(item.sizing.sequences >= 16 for item in found)
    assert [item.rank for item in found] == sorted(item.rank for item in found)
    assert all(item.card.offered for item in found)
    assert placements(model("kimi-k2"), Asked(max_model_len=131072), 500) == ()


def test_a_cold_start_is_reading_compiling_and_capturing() -> None:
    recorded_s = 85.6
    found = start(sized("llama3-8b"), read_gbs=1000.0)
    assert found.total_s == pytest.approx(recorded_s, rel=0.15)
    assert start(sized("llama3-8b"), read_gbs=0.1).weights_s == pytest.approx(160, rel=0.02)
    assert start(sized("llama3-8b", enforce_eager=True), read_gbs=1.0).compile_s == 0


def test_the_probe_allows_fifteen_minutes_and_more_for_slow_disks() -> None:
    assert start(sized("llama3-8b"), read_gbs=1.0).probe_failure_threshold == 90
    slow = start(sized("llama3-70b", tp=4), read_gbs=0.1)
    assert slow.probe_failure_threshold * 10 > slow.total_s + 60


def test_pods_of_several_ranks_get_shared_memory_and_count_it() -> None:
    one, four = start(sized("llama3-70b", "H200"), 1.0), start(sized("llama3-70b", tp=4), 1.0)
    assert (one.shm_gib, four.shm_gib) == (1, 4)
    assert four.memory_limit_gib > one.memory_limit_gib


def test_decode_is_bound_by_bandwidth_and_grows_with_the_batch() -> None:
    found = roofline(sized("llama3-8b", "L4", max_model_len=8192))
    assert found.single_decode == pytest.approx(300e9 / 16.6e9, rel=0.05)
    assert found.full_decode > 2 * found.single_decode
    assert found.bound_by == "memory bandwidth"
    assert found.prefill == pytest.approx(121e12 / (2 * 8.03e9), rel=0.01)


def test_a_mixture_reads_only_the_experts_of_its_tokens() -> None:
    dense = roofline(sized("yi-34b", "H200", max_model_len=8192))
    mixed = roofline(sized("qwen3-30b-a3b", "H200", max_model_len=8192))
    assert mixed.single_decode > 5 * dense.single_decode
