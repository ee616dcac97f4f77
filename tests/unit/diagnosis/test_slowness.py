"""Why a server is slow: the part that costs most, from two scrapes of each dialect; and the two other answers."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cases_serving import loaded
from tests.unit.diagnosis.cluster_parts import NAMESPACE, NOW, node, pending, ready, the_replica, world
from tests.unit.diagnosis.scaling_parts import QUERY, keda_hpa, scaled, scraped, workload
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Pace, Part, Slowness
from vops.diagnosis.serving.slowness import slowness
from vops.model.exposition import parse_sample
from vops.model.serving import Histogram
from vops.model.snapshot import EngineSamples

DATA = Path(__file__).parents[2] / "data/metrics"
WINDOW_S = 15.4
OLD_NAMES = {
    b"vllm:kv_cache_usage_perc": b"vllm:gpu_cache_usage_perc",
    b"vllm:prefix_cache_": b"vllm:gpu_prefix_cache_",
    b"vllm:inter_token_latency_seconds": b"vllm:time_per_output_token_seconds",
    b'engine="0",': b"",
}
"""What the V0 engine of 0.8.5 calls the same."""


def page(version: str, name: str, *, old: bool = False) -> bytes:
    text = gzip.decompress((DATA / f"vllm-{version}-{name}.prom.gz").read_bytes())
    for new, former in OLD_NAMES.items() if old else ():
        text = text.replace(new, former)
    return text


def recorded(version: str, *, old: bool = False) -> EngineSamples:
    early = parse_sample(page(version, "early", old=old), NOW - timedelta(seconds=WINDOW_S))
    return EngineSamples(NAMESPACE, "llama-1", parse_sample(page(version, "late", old=old), NOW), early)


def verdict(pair: EngineSamples, *others: Any) -> Slowness:
    return slowness(the_replica(loaded(pair, *others)()))


@pytest.mark.parametrize(
    ("version", "old", "part", "step"),
    [
        ("0.25.1", False, Part.PREEMPTION, "--max-num-seqs"),
        ("0.25.1", True, Part.PREEMPTION, "--max-num-seqs"),
        ("0.32.0", False, Part.QUEUE, "--max-num-seqs"),
    ],
    ids=["0.25.1", "the same as V0 of 0.8.5 names it", "0.32.0"],
)
def test_recorded_servers_under_load_are_slow_for_what_they_were_loaded_with(
    version: str, old: bool, part: Part, step: str
) -> None:
    found = verdict(recorded(version, old=old))
    assert (found.pace, found.part) == (Pace.SLOW, part)
    assert found.ttft_s is not None
    assert found.queue_s is not None
    assert found.queue_s > 0.85 * found.ttft_s, "while 139 wait, the queue of those that have ended says nothing"
    assert step in found.steps[0] or "replicas" in found.steps[0]


def times(ttft_s: float, many: float = 40) -> tuple[Histogram, Histogram]:
    """The time to the first token at both ends: `many` requests got theirs after `ttft_s` in between."""
    bounds = (0.5, 1.0, 2.5, 10.0, 40.0)
    before = Histogram(bounds, (0.0,) * 6)
    counts = tuple(many if bound >= ttft_s else 0.0 for bound in (*bounds, float("inf")))
    return before, Histogram(bounds, counts, many * ttft_s)


def pair(
    ttft_s: float, *, prefill_s: float = 0.0, itl_s: float = 0.03, before: dict[str, Any] | None = None, **more: Any
) -> EngineSamples:
    """40 requests got their first token in 30 s; what is not said is as in `scraped`."""
    early, late = times(ttft_s)
    slow, fast = times(itl_s, 4000)
    then = {"ttft": early, "itl": slow, "prefill_s": 0.0, "prefills": 0.0, **(before or {})}
    found: dict[str, Any] = {"ttft": late, "itl": fast, "prefill_s": 40 * prefill_s, "prefills": 40.0, **more}
    return scraped(before=then, **found)


def test_a_queue_at_a_small_batch_asks_for_a_larger_one() -> None:
    found = verdict(pair(8.0, prefill_s=0.4, running=256, waiting=30, kv_usage=0.3))
    assert (found.pace, found.part) == (Pace.SLOW, Part.QUEUE)
    assert found.summary.startswith("slow: queue: 7.6 s of 8.0 s to the first token, 30 wait, since it runs 256")
    assert "--max-num-seqs 768" in found.steps[0]


def test_a_queue_before_a_full_cache_asks_for_one_replica_more() -> None:
    found = verdict(pair(8.0, prefill_s=0.4, running=30, waiting=30, kv_usage=0.97))
    assert found.fix is not None
    assert "vops run scale" in found.fix.command
    assert "replicas=2" in found.fix.command


def test_an_autoscaler_at_its_maximum_is_what_has_to_change() -> None:
    found = verdict(
        pair(8.0, prefill_s=0.4, running=30, waiting=30, kv_usage=0.97), scaled(QUERY, maxReplicaCount=1), keda_hpa()
    )
    assert found.fix is not None
    assert "fix-autoscaler-max" in found.fix.command
    assert "maximum=2" in found.fix.command


def test_long_prompts_are_prefill_and_name_the_flag() -> None:
    found = verdict(pair(6.0, prefill_s=5.8, running=8, prompt_tokens=405_000.0, prefix_queries=400_000, prefix_hits=0))
    assert found.part is Part.PREFILL
    assert "prompts of 10000 tokens" in found.summary
    assert "--max-num-batched-tokens 16384" in found.steps[1]


def test_prompts_that_the_siblings_have_cached_are_cache_misses() -> None:
    asked = {"prefix_queries": 0.0, "prefix_hits": 0.0}
    cold = pair(6.0, prefill_s=5.8, running=8, prefix_queries=90_000.0, prefix_hits=900.0, before=asked)
    warm = scraped("llama-2", running=8, prefix_queries=90_000.0, prefix_hits=70_000.0, before=asked)
    found = slowness(the_replica(loaded(cold, warm)()))
    assert found.part is Part.CACHE_MISSES
    assert "1% of its prompts are cached, its siblings' 78%" in found.summary


def test_prefix_caching_that_is_off_is_named() -> None:
    server = ready("llama-1", owner="llama", container={"args": ["--no-enable-prefix-caching"]})
    facts = world(server, node(), workload(1), pair(6.0, prefill_s=5.8, running=8))
    assert "--no-enable-prefix-caching" in " ".join(slowness(the_replica(facts)).steps)


@pytest.mark.parametrize(("running", "step"), [(64, "--max-num-seqs 32"), (4, "--tensor-parallel-size 2")])
def test_slow_tokens_are_decode(running: float, step: str) -> None:
    found = verdict(pair(0.4, itl_s=0.4, running=running))
    assert found.part is Part.DECODE
    assert step in " ".join(found.steps)


def test_a_first_token_that_nothing_explains_is_said_to_be_unexplained() -> None:
    found = verdict(pair(6.0, prefill_s=0.2, running=8))
    assert (found.pace, found.part) == (Pace.SLOW, None)
    assert "not known why" in found.summary


IDLE: dict[str, Any] = {"running": 0, "waiting": 0, "steps": 1000, "ttft": times(1)[0]}
QUICK = {
    "fast": pair(0.4, prefill_s=0.3, running=12),
    "idle": scraped(**IDLE, before={"steps": 1000}),
}


@pytest.mark.parametrize("quick", QUICK.values(), ids=QUICK)
def test_what_is_fast_or_idle_is_not_slow(quick: EngineSamples) -> None:
    found = verdict(quick)
    assert found.pace is Pace.NOT_SLOW
    assert found.summary.startswith("not slow: ")


UNKNOWN = {
    "stale": (msgspec.structs.replace(pair(9.0, running=9), stale=True), "too old"),
    "error": (msgspec.structs.replace(pair(9.0, running=9), error="timed out"), "timed out"),
    "once": (msgspec.structs.replace(pair(9.0, running=9), earlier=None), "one scrape"),
    "restart": (scraped(running=3, generation_tokens=9), "started anew"),
    "a second": (pair(9.0, running=9, apart_s=1), "1.0 s apart"),
    "no histogram": (scraped(running=3), "exports no time"),
}


@pytest.mark.parametrize(("given", "because"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_judged_says_why(given: EngineSamples, because: str) -> None:
    found = verdict(given)
    assert found.pace is Pace.UNKNOWN
    assert because in found.summary


def test_a_server_that_does_not_serve_is_not_judged() -> None:
    found = slowness(the_replica(world(pending(), node())))
    assert found.summary == "not known whether it is slow: it does not serve, it is pending"


def test_a_report_on_a_server_that_serves_has_the_verdict() -> None:
    facts = loaded(pair(8.0, prefill_s=0.4, running=30, waiting=30, kv_usage=0.97))()
    report = diagnose(facts, the_replica(facts).ref)
    assert report.slowness is not None
    assert report.slowness.part is Part.QUEUE
