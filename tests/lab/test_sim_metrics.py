"""What a serving engine and its GPU report: real names, numbers that belong together, and a load that moves."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.lab.simulation import create, edit, llama, metrics, pod, run, world_with
from vops.lab.controllers.placement import amounts
from vops.lab.documents import copy_of
from vops.lab.engine.exporter import PORT
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, dcgm_exporter, namespace
from vops.lab.pods import PodNetwork
from vops.lab.providers import ProxyRequest
from vops.lab.world import World
from vops.model.dcgm import parse_gpus
from vops.model.exposition import parse_sample
from vops.model.serving import EngineSample, GpuSample

_AT = datetime(2026, 3, 2, tzinfo=UTC)


def _serving(image: str = "vllm/vllm-openai:v0.25.1", load: Traffic | None = None, seed: int = 0) -> World:
    world = world_with(seed=seed)
    world.traffic.set(INFERENCE, "llama", load or Traffic(1.0))
    create(world, llama(image=image))
    run(world, 130)
    return world


def _sample(world: World) -> EngineSample:
    return parse_sample(metrics(world), _AT)


@pytest.mark.parametrize(
    ("tag", "present", "absent"),
    [
        ("v0.8.5", ["gpu_cache_usage_perc", "gpu_prefix_cache_hits_total", "time_per_output_token_seconds_bucket"],
         ["kv_cache_usage_perc", "inter_token_latency_seconds_bucket"]),
        ("v0.12.0", ["kv_cache_usage_perc", "prefix_cache_hits_total", "inter_token_latency_seconds_bucket"],
         ["gpu_cache_usage_perc", "num_requests_waiting_by_reason"]),
        ("v0.25.1", ["kv_cache_usage_perc", "num_requests_waiting_by_reason", "prompt_tokens_by_source_total"],
         ["gpu_cache_usage_perc", "admission_rejections_total"]),
        ("v0.32.0", ["kv_cache_usage_perc", "admission_rejections_total", "prompt_tokens_cached_by_source_total"],
         ["gpu_cache_usage_perc"]),
    ],
)  # fmt: skip
def test_each_version_uses_its_own_names(tag: str, present: list[str], absent: list[str]) -> None:
    world = world_with(image=False)
    create(world, llama(image=f"vllm/vllm-openai:{tag}"))
    run(world, 160)
    names = set(re.findall(r"^vllm:(\w+)", metrics(world).decode(), re.MULTILINE))
    assert set(present) <= names
    assert not set(absent) & names
    sample = _sample(world)
    assert sample.model == "llama"
    assert None not in (sample.running, sample.waiting, sample.kv_usage, sample.generation_tokens, sample.prefix_hits)
    assert sample.ttft is not None
    assert sample.itl is not None


def test_counters_never_go_back_and_histograms_stay_cumulative() -> None:
    world = _serving()
    before = _sample(world)
    for _ in range(20):
        run(world, 3)
        after = _sample(world)
        for name in ("generation_tokens", "prompt_tokens", "prefix_queries", "prefix_hits", "preemptions", "steps"):
            assert getattr(after, name) >= getattr(before, name)
        assert after.ttft is not None
        assert list(after.ttft.counts) == sorted(after.ttft.counts)
        before = after
    assert before.generation_tokens


def test_the_load_moves_over_minutes() -> None:
    world = _serving(load=Traffic(1.4, swing=0.6))
    seen = []
    for _ in range(60):
        run(world, 10)
        seen.append(_sample(world).running or 0.0)
    assert max(seen) > 2 * (min(seen) + 1)


def test_too_much_load_fills_the_cache_then_the_queue_and_preempts() -> None:
    world = _serving(load=Traffic(6.0))
    run(world, 300)
    sample = _sample(world)
    assert sample.kv_usage is not None
    assert sample.kv_usage > 0.9
    assert sample.waiting
    assert sample.preemptions


def test_replicas_of_one_model_share_its_load() -> None:
    world = world_with(gpus=2)
    world.traffic.set(INFERENCE, "llama", Traffic(1.0))
    create(world, llama())
    run(world, 100)
    alone = world.traffic.rate(INFERENCE, "llama", world.now, 1.0)
    edit(world, lambda spec: spec.update(replicas=2))
    run(world, 100)
    assert world.traffic.rate(INFERENCE, "llama", world.now - 100, 1.0) == alone / 2


def test_an_engine_without_requests_is_idle() -> None:
    world = _serving(load=Traffic(0.0))
    sample = _sample(world)
    assert (sample.running, sample.waiting, sample.kv_usage, sample.generation_tokens) == (0, 0, 0, 0)
    assert "Avg generation throughput" not in _log_of(world)


def _log_of(world: World) -> str:
    output = world.kubelet.workers[0].units[0].output
    return "\n".join(line.text for line in output.until(world.now)) if output else ""


def test_a_busy_engine_writes_its_statistics_every_ten_seconds() -> None:
    world = _serving()
    run(world, 60)
    assert len(re.findall("Engine 000: Avg prompt throughput: ", _log_of(world))) >= 5


async def test_the_exporter_attributes_each_card_to_its_pod() -> None:
    world = world_with(gpus=2)
    world.store.create(namespace("gpu-monitoring"))
    world.store.create(dcgm_exporter())
    world.traffic.set(INFERENCE, "llama", Traffic(1.5))
    create(world, llama())
    run(world, 130)
    used, idle = await _gpus(world)
    assert (used.pod, used.namespace, used.container, used.model) == (_name(world), INFERENCE, "vllm", "NVIDIA L4")
    assert used.utilisation is not None
    assert used.utilisation > 0.5
    assert used.memory_used_mib == pytest.approx(0.90 * 22_560, rel=0.03)
    assert (idle.pod, idle.utilisation, idle.memory_used_mib) == ("", 0, 0)


def _name(world: World) -> str:
    name: str = pod(world)["metadata"]["name"]
    return name


async def _gpus(world: World) -> tuple[GpuSample, ...]:
    (exporter,) = world.store.list("v1", "Pod", "gpu-monitoring")
    request = ProxyRequest("gpu-monitoring", exporter["metadata"]["name"], PORT, "GET", "/metrics")
    answer = await PodNetwork(world)(request)
    assert answer is not None
    return parse_gpus(answer.body, _AT)


async def test_a_loading_engine_fills_its_card_step_by_step() -> None:
    world = world_with()
    world.store.create(namespace("gpu-monitoring"))
    world.store.create(dcgm_exporter())
    run(world, 20)
    create(world, llama())
    seen = []
    for _ in range(14):
        run(world, 5)
        seen += [gpu.memory_used_mib or 0.0 for gpu in await _gpus(world)]
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert 100 < seen[7] < seen[-1]


def test_a_node_that_grows_gets_more_cards() -> None:
    world = world_with(gpus=1)
    create(world, llama(replicas=2))
    run(world, 20)
    changed = copy_of(world.store.get("v1", "Node", "", "gpu-1"))
    for part in ("capacity", "allocatable"):
        changed["status"][part]["nvidia.com/gpu"] = "2"
    world.store.update_status(changed)
    run(world, 20)
    machine = world.kubelet.machine("gpu-1")
    assert machine is not None
    assert len(machine.gpus) == amounts(changed["status"]["capacity"])["nvidia.com/gpu"] == 2
    assert len(machine.taken) == 2
