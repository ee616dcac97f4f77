"""Pages of every vLLM version give the same sample; hostile, broken and partial pages give what they truly hold."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vops.model.exposition import parse_sample
from vops.model.serving import EngineSample

DATA = Path(__file__).parents[2] / "data/metrics"
AT = datetime(2026, 11, 24, tzinfo=UTC)

RENAMES = {
    "0.8.5": [
        ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        ("vllm:prefix_cache_", "vllm:gpu_prefix_cache_"),
        ("vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"),
        ('kv_cache_size_tokens="41696",', ""),
        ('num_gpu_blocks="2606"', 'num_gpu_blocks="None"'),
    ],
    "0.12": [('kv_cache_size_tokens="41696",', ""), ('kv_cache_max_concurrency="5.08984375",', "")],
    "0.25.1": [],
    "OpenMetrics": [("vllm:", "vllm_")],
}


def page(name: str = "vllm-0.25.1-late") -> bytes:
    return gzip.decompress((DATA / f"{name}.prom.gz").read_bytes())


def in_dialect(version: str) -> bytes:
    text = page().decode()
    for old, new in RENAMES[version]:
        text = text.replace(old, new)
    return text.encode()


def sample(text: str | bytes) -> EngineSample:
    return parse_sample(text.encode() if isinstance(text, str) else text, AT)


@pytest.mark.parametrize("version", RENAMES)
def test_every_dialect_reads_alike(version: str) -> None:
    found = sample(in_dialect(version))
    assert (found.model, found.engines, found.running, found.waiting) == ("llama3-8b", 1, 10, 139)
    assert (found.generation_tokens, found.preemptions, found.steps) == (39156, 4, 2909)
    assert (found.prefix_queries, found.prefix_hits) == (2631974, 267520)
    assert found.kv_usage == pytest.approx(0.9919, abs=1e-4)
    assert found.itl is not None
    assert found.itl.counts[-1] == 38974
    assert found.finished["length"] == 172


@pytest.mark.parametrize(("version", "tokens"), [("0.8.5", None), ("0.12", 41696), ("0.25.1", 41696)])
def test_kv_capacity_is_the_label_or_blocks_times_their_size_or_unknown(version: str, tokens: int | None) -> None:
    assert sample(in_dialect(version)).kv_tokens == tokens


def test_the_newest_recorded_engine_reads_too() -> None:
    found = sample(page("vllm-0.32.0-late"))
    assert (found.model, found.waiting, found.kv_tokens) == ("tiny", 10, 524_288)
    assert found.ttft is not None
    assert len(found.ttft.counts) == len(found.ttft.bounds) + 1 == 23


def test_both_names_of_one_meaning_are_counted_once() -> None:
    text = 'vllm:gpu_cache_usage_perc{engine="0"} 0.4\nvllm:kv_cache_usage_perc{engine="0"} 0.5\n'
    assert sample(text).kv_usage == 0.5


def test_data_parallel_engines_are_summed_and_usages_averaged() -> None:
    lines = [
        *(f'vllm:num_requests_running{{engine="{rank}",model_name="m"}} {rank + 1}.0' for rank in range(2)),
        *(f'vllm:kv_cache_usage_perc{{engine="{rank}"}} {rank / 2}' for rank in range(2)),
        *(f'vllm:cache_config_info{{engine="{rank}",kv_cache_size_tokens="100"}} 1.0' for rank in range(2)),
        *(
            f'vllm:time_to_first_token_seconds_bucket{{engine="{rank}",le="{le}"}} 2'
            for rank in range(2)
            for le in ("1", "+Inf")
        ),
    ]
    found = sample("\n".join(lines) + "\n")
    assert (found.engines, found.running, found.kv_usage, found.kv_tokens) == (2, 3, 0.25, 200)
    assert found.ttft is not None
    assert found.ttft.counts == (4, 4)


def test_blocks_summed_over_ranks_are_not_summed_again() -> None:
    lines = [
        f'vllm:cache_config_info{{engine="{rank}",block_size="16",num_gpu_blocks="20"}} 1.0\n' for rank in range(2)
    ]
    assert sample("".join(lines)).kv_tokens == 320


def test_missing_metrics_are_none_and_never_zero() -> None:
    found = sample("# nothing of vLLM\npython_info 1\n")
    assert found == EngineSample(at=AT)
    assert found.engines == 0


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "x", "1e999"])
def test_what_is_no_number_is_no_value(value: str) -> None:
    assert sample(f'vllm:num_requests_running{{engine="0"}} {value}\n').running is None


def test_a_truncated_page_gives_neither_half_numbers_nor_half_histograms() -> None:
    whole = page()
    assert sample(whole[: whole.index(b"vllm:generation_tokens_total{") + 70]).generation_tokens is None
    cut = sample(whole[: whole.index(b'vllm:time_to_first_token_seconds_bucket{engine="0",le="80.0"')])
    assert cut.ttft is None
    assert cut.generation_tokens == 39156


def test_a_histogram_that_misses_a_bucket_of_one_engine_is_unknown() -> None:
    lines = [f'vllm:time_to_first_token_seconds_bucket{{engine="0",le="{le}"}} 1' for le in ("1", "2", "+Inf")]
    lines.append('vllm:time_to_first_token_seconds_bucket{engine="1",le="1"} 1')
    assert sample("\n".join(lines) + "\n").ttft is None


HOSTILE = [
    (r"a\"} 5", 'a"} 5'),
    (r"x,le=\"1\",", 'x,le="1",'),
    ("\x1b]52;c;aGk=\x07m", "\ufffd]52;c;aGk=\ufffdm"),
    ("a\u202eb", "a\ufffdb"),
    (r"two\nlines", "two lines"),
    (r"back\\slash", r"back\slash"),
    ("a[/b]c", "a[/b]c"),
    ("M" * 1_000_000, "M" * 199 + "…"),
]


@pytest.mark.parametrize(("written", "read"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_labels_are_scrubbed_and_never_structure(written: str, read: str) -> None:
    found = sample(f'vllm:num_requests_running{{model_name="{written}",engine="0"}} 7.0\n')
    assert (found.model, found.running, found.engines) == (read, 7, 1)


def test_a_page_without_end_of_hostile_buckets_is_no_histogram() -> None:
    lines = "".join(f'vllm:time_to_first_token_seconds_bucket{{le="{at}"}} 1\n' for at in range(5_000))
    assert sample(lines + 'vllm:time_to_first_token_seconds_bucket{le="+Inf"} 1\n').ttft is None


def test_windows_line_ends_are_line_ends() -> None:
    assert sample('vllm:num_requests_running{engine="0"} 3.0\r\n').running == 3


def test_a_page_is_parsed_within_two_milliseconds() -> None:
    body = page()
    best = min(_seconds(body) for _ in range(20))
    assert best / (len(body) / 60_000) < 0.002


def _seconds(body: bytes) -> float:
    begun = time.perf_counter()
    parse_sample(body, AT)
    return time.perf_counter() - begun
