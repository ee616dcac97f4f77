"""KEDA and the HPA controller: conditions, arithmetic and words, and what becomes of the Deployment."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.simulation import create, deployment, events, llama, run, world_with
from vops.lab.controllers.base import condition
from vops.lab.documents import Document, copy_of
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, dcgm_exporter, namespace
from vops.lab.monitoring.manifests import scaled_object
from vops.lab.scenarios._cluster import monitoring
from vops.lab.world import World

BUSY = 'sum(vllm:num_requests_running{model_name="llama"})'


def _world(
    query: str, threshold: str = "4", *, rate: float = 1.2, most: int = 4, metadata: dict[str, str] | None = None
) -> World:
    """A world with a ready server that is scaled by a query, four GPUs, and a Prometheus."""
    world = world_with(gpus=4)
    world.store.create(namespace("gpu-monitoring"))
    create(world, dcgm_exporter())
    monitoring(world)
    world.traffic.set(INFERENCE, "llama", Traffic(rate, swing=0.0))
    create(world, llama())
    run(world, 100)
    scaled = scaled_object("llama", query, threshold, most=most)
    scaled["spec"]["triggers"][0]["metadata"] |= metadata or {}
    create(world, scaled)
    return world


def _scaled(world: World) -> Document:
    return world.store.get("keda.sh/v1alpha1", "ScaledObject", INFERENCE, "llama")


def _hpa(world: World) -> Document:
    return world.store.get("autoscaling/v2", "HorizontalPodAutoscaler", INFERENCE, "keda-hpa-llama")


def _said(document: Document, type_: str) -> tuple[str, str]:
    found = condition(document, type_)
    assert found is not None
    return found["status"], found["reason"]


def _replicas(world: World) -> int:
    return int(deployment(world)["spec"]["replicas"])


def test_more_requests_bring_more_replicas_up_to_the_limit() -> None:
    world = _world(BUSY, "4", rate=3.0, most=3)
    run(world, 60)
    assert _replicas(world) > 1
    run(world, 240)
    assert _replicas(world) == 3
    assert _said(_hpa(world), "ScalingLimited") == ("True", "TooManyReplicas")
    assert events(world, "SuccessfulRescale")[0]["message"].startswith("New size: ")


def test_less_load_takes_five_minutes_to_show() -> None:
    world = _world(BUSY, "4", rate=3.0, most=3)
    run(world, 240)
    world.traffic.set(INFERENCE, "llama", Traffic(0.02, swing=0.0))
    run(world, 200)
    assert _replicas(world) == 3
    run(world, 300)
    assert _replicas(world) == 1
    assert _said(_hpa(world), "ScalingLimited") == ("True", "TooFewReplicas")


@pytest.mark.parametrize(
    ("metadata", "ready", "active"),
    [
        ({}, ("True", "ScaledObjectReady"), ("False", "ScalerNotActive")),
        ({"ignoreNullValues": "false"}, ("False", "TriggerError"), ("False", "ScalerNotActive")),
    ],
)
def test_an_empty_answer_is_nothing_unless_told_otherwise(
    metadata: dict[str, str], ready: tuple[str, str], active: tuple[str, str]
) -> None:
    world = _world('sum(vllm:num_requests_running{model_name="lama"})', metadata=metadata)
    run(world, 60)
    scaled = _scaled(world)
    assert (_said(scaled, "Ready"), _said(scaled, "Active")) == (ready, active)
    assert _replicas(world) == 1


@pytest.mark.parametrize(
    ("query", "metadata", "words"),
    [
        ("rate(up[1m])", {}, "prometheus query api returned error. status: 400"),
        ("up", {}, "returned multiple elements"),
        ("up", {"serverAddress": "http://prometheus.monitoring.svc:9090"}, "no such host"),
    ],
)
def test_a_trigger_that_fails_is_told_by_keda_and_by_the_hpa(query: str, metadata: dict[str, str], words: str) -> None:
    world = _world(query, metadata=metadata)
    run(world, 60)
    assert words in events(world, "KEDAScalerFailed")[0]["message"]
    assert _said(_hpa(world), "ScalingActive") == ("False", "FailedGetExternalMetric")
    assert "metric:s0-prometheus encountered error" in events(world, "FailedGetExternalMetric")[0]["message"]


def test_an_average_of_a_percentage_never_asks_for_more_than_two() -> None:
    world = _world("avg(DCGM_FI_DEV_GPU_UTIL{pod=~'llama-.*'})", "70", rate=6.0)
    run(world, 600)
    assert _replicas(world) == 2


def test_a_paused_autoscaler_leaves_the_number_alone() -> None:
    world = _world(BUSY, "4", rate=3.0)
    paused: dict[str, Any] = copy_of(_scaled(world))
    paused["metadata"]["annotations"] = {"autoscaling.keda.sh/paused": "true"}
    world.store.update(paused)
    run(world, 120)
    assert _replicas(world) == 1
    assert _said(_scaled(world), "Paused") == ("True", "ScaledObjectPaused")


def test_a_workload_that_may_sleep_is_put_to_sleep() -> None:
    world = _world('sum(vllm:num_requests_running{model_name="lama"})')
    sleepy = copy_of(_scaled(world))
    sleepy["spec"]["minReplicaCount"] = 0
    world.store.update(sleepy)
    run(world, 400)
    assert _replicas(world) == 0
    assert _said(_hpa(world), "ScalingActive") == ("False", "ScalingDisabled")
