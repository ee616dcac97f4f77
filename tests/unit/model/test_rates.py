"""Two scrapes give rates of their window; a restart or silence gives none."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from vops.model.exposition import parse_sample
from vops.model.rates import quantile, rates
from vops.model.serving import EngineRates, EngineSample, Histogram

DATA = Path(__file__).parents[2] / "data/metrics"
AT = datetime(2026, 11, 24, tzinfo=UTC)
LATER = AT + timedelta(seconds=10)


def test_a_recorded_saturated_server_has_its_true_rates() -> None:
    early, late = (
        parse_sample(gzip.decompress((DATA / f"vllm-0.25.1-{name}.prom.gz").read_bytes()), at)
        for name, at in (("early", AT), ("late", AT + timedelta(seconds=15.4)))
    )
    found = rates(early, late)
    assert found.tokens_per_s == pytest.approx((39156 - 22544) / 15.4)
    assert found.preemptions_per_s == pytest.approx(4 / 15.4)
    assert found.ttft_p50_s == pytest.approx(0.906, abs=1e-3)
    assert found.ttft_p95_s == pytest.approx(9.708, abs=1e-3)
    assert found.itl_p95_s is not None
    assert found.itl_p95_s < 0.01
    assert found.stepping is True


def test_hits_are_a_share_of_the_windows_queries() -> None:
    before = EngineSample(AT, prefix_queries=1000, prefix_hits=0)
    assert rates(before, EngineSample(LATER, prefix_queries=1100, prefix_hits=25)).prefix_hit_rate == 0.25
    assert rates(before, EngineSample(LATER, prefix_queries=1000, prefix_hits=0)).prefix_hit_rate is None


RESTARTS = {
    "a counter fell": (EngineSample(AT, generation_tokens=100), EngineSample(LATER, generation_tokens=5)),
    "another process": (
        EngineSample(AT, generation_tokens=1, process_start=1_000),
        EngineSample(LATER, generation_tokens=900, process_start=2_000),
    ),
}


@pytest.mark.parametrize(("earlier", "latest"), RESTARTS.values(), ids=RESTARTS.keys())
def test_a_restart_between_the_scrapes_has_no_rates(earlier: EngineSample, latest: EngineSample) -> None:
    assert rates(earlier, latest) == EngineRates(10.0)


def test_no_time_between_the_scrapes_has_no_rates() -> None:
    sample = EngineSample(AT, generation_tokens=100)
    assert rates(sample, sample) == EngineRates(0.0)


def test_absent_counters_have_no_rates_and_still_ones_have_zero() -> None:
    found = rates(EngineSample(AT, generation_tokens=5), EngineSample(LATER, generation_tokens=5))
    assert (found.tokens_per_s, found.prompt_tokens_per_s, found.ttft_p95_s) == (0.0, None, None)


STEPS = [
    (10, 10, 3, 3, False),
    (10, 11, 3, 3, True),
    (10, 10, 0, 0, None),
    (10, 10, 0, 3, None),
    (None, 10, 3, 3, None),
]


@pytest.mark.parametrize(("before", "after", "ran", "runs", "stepping"), STEPS)
def test_an_engine_is_wedged_only_with_requests_running_and_no_step(
    before: float | None, after: float, ran: float, runs: float, stepping: bool | None
) -> None:
    earlier = EngineSample(AT, running=ran, steps=before)
    assert rates(earlier, EngineSample(LATER, running=runs, steps=after)).stepping is stepping


QUANTILES = [
    (0.5, (0, 10, 10, 10), 1.5),
    (0.95, (0, 0, 0, 10), 4.0),
    (0.5, (10, 10, 10, 10), 0.5),
    (0.5, (0, 0, 0, 0), None),
    (1.0, (5, 10, 10, 10), 2.0),
]


@pytest.mark.parametrize(("q", "counts", "value"), QUANTILES)
def test_quantiles_interpolate_as_promql_does(q: float, counts: tuple[float, ...], value: float | None) -> None:
    assert quantile(Histogram((1.0, 2.0, 4.0), counts), q) == value


def test_histograms_with_other_buckets_are_not_compared() -> None:
    before = EngineSample(AT, ttft=Histogram((1.0,), (0, 0)))
    assert rates(before, EngineSample(LATER, ttft=Histogram((2.0,), (5, 5)))).ttft_p95_s is None


def test_samples_survive_json() -> None:
    sample = parse_sample(gzip.decompress((DATA / "vllm-0.25.1-late.prom.gz").read_bytes()), AT)
    assert msgspec.json.decode(msgspec.json.encode(sample), type=EngineSample) == sample
