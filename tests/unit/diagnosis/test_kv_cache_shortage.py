"""KV caches that are too small: what fits, in the words of every version."""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cluster_parts import (
    NAMESPACE,
    crashed,
    deployment,
    first_fix,
    log_text,
    node,
    pod,
    replicaset,
    world,
)
from tests.unit.diagnosis.rule_cases import FIRES
from vops.diagnosis.findings import Applicability
from vops.diagnosis.logs.reader import read_log
from vops.diagnosis.rules.memory.kv_cache_too_small import read_shortage

OWNED = (deployment(), replicaset())


WORDS = (
    "To serve at least one request with the models's max seq len (8192), (1.00 GiB KV cache is needed, which is larger "
    "than the available KV cache memory (0.57 GiB). Based on the available memory, "
)
V0 = "The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in KV cache (5008)."


@pytest.mark.parametrize(
    ("message", "wanted", "fits", "printed"),
    [
        (f"{WORDS}the estimated maximum model length is 4656. Try increasing", 8192, 4656, True),
        (f"{WORDS} Try increasing", 8192, 4605, False),
        (V0, 8192, 5008, True),
        ("No available memory for the cache blocks. Try increasing", 0, None, True),
    ],
    ids=["0.12 and newer", "0.8.5 prints no estimate", "V0", "no room at all"],
)
def test_the_words_of_every_version(message: str, wanted: int, fits: int | None, printed: bool) -> None:
    shortage = read_shortage(message)
    assert (shortage.wanted, shortage.fits, shortage.printed) == (wanted, fits, printed)


def test_the_estimate_is_rounded_down_to_256() -> None:
    facts = world(pod(owner="llama", status=crashed()), node(), *OWNED, log=log_text("fail-kv-too-small.log"))
    fix = first_fix(facts)
    assert fix.params == {
        "namespace": NAMESPACE,
        "target": "deployment/llama",
        "container": "vllm",
        "max_model_len": 4608,
    }
    assert "longer requests will be refused" in fix.title
    assert fix.applicability is Applicability.SAFE


def test_with_no_room_at_all_a_shorter_context_is_not_offered() -> None:
    facts = world(pod(owner="llama", status=crashed()), node(), *OWNED, log=log_text("fail-kv-none.log"))
    fix = first_fix(facts)
    assert (fix.runbook, fix.applicability) == ("fix-cuda-oom", Applicability.ASK)
    assert fix.params["gpu_memory_utilization"] == 0.93
    assert "max_model_len" not in fix.params


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--gpu-memory-utilization", "0.94"], {"gpu_memory_utilization": 0.95}),
        (["--gpu-memory-utilization", "0.95", "--max-num-seqs", "64"], {"max_num_seqs": 32}),
        (["--gpu-memory-utilization", "0.97"], {}),
    ],
)
def test_room_for_the_cache_comes_from_what_is_left_to_give(flags: list[str], expected: dict[str, float]) -> None:
    container = {"command": ["vllm", "serve", "x/y", *flags]}
    served = pod(owner="llama", status=crashed(), container=container)
    fix = first_fix(world(served, node(), *OWNED, log=log_text("fail-kv-none.log")))
    assert {
        key: value for key, value in fix.params.items() if key in ("gpu_memory_utilization", "max_num_seqs")
    } == expected


def test_every_fix_has_a_command_that_runs_it() -> None:
    for name in ("rollout-deadlock",):
        facts = FIRES[name]()
        assert first_fix(facts).command.startswith("vops run fix-")


def test_the_recorded_refusal_is_read() -> None:
    root = read_log(log_text("fail-kv-too-small.log")).root
    assert root is not None
    assert read_shortage(root.message).fits == 4656
