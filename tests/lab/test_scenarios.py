"""Scenarios are found by their files, say what they are about, and are lived in from the first moment."""

from __future__ import annotations

import pytest

from tests.conftest import StartLab
from vops.errors import UsageError
from vops.lab.clock import LabClock
from vops.lab.engine.server import VllmServer
from vops.lab.manifests import INFERENCE
from vops.lab.scenarios import discover, scenario_named
from vops.lab.world import Lab

_FAILURES = {"untolerated-taint", "rollout-deadlock", "probe-kill", "gated-model", "kv-cache-too-small"}


def test_scenarios_are_discovered_with_title_and_conclusion() -> None:
    found = discover()
    assert found.keys() >= {"healthy", *_FAILURES}
    for scenario in found.values():
        assert scenario.title.endswith(".")
        assert len(scenario.conclusion) > 100


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as refused:
        scenario_named("nope")
    assert "healthy" in refused.value.hint


async def test_the_healthy_cluster_has_three_models_on_eight_replicas_all_ready(start_lab: StartLab) -> None:
    lab = await start_lab("healthy")
    ready = {
        item["metadata"]["name"]: item["status"]["readyReplicas"]
        for item in lab.store.list("apps/v1", "Deployment", INFERENCE)
    }
    assert ready == {"llama3-8b": 4, "llama3-70b": 2, "qwen3-14b": 2}
    assert all(pod["status"]["phase"] == "Running" for pod in lab.store.list("v1", "Pod"))


async def test_the_healthy_cluster_has_a_past(start_lab: StartLab) -> None:
    lab = await start_lab("healthy")
    served = [process.serving.counters.generated for process in _engines(lab) if process.serving]
    assert min(served) > 100_000
    assert {event["reason"] for event in lab.store.list("v1", "Event")} >= {"Scheduled", "Started", "ScalingReplicaSet"}
    created = {pod["metadata"]["creationTimestamp"] for pod in lab.store.list("v1", "Pod", INFERENCE)}
    assert len(created) == 4


async def test_the_healthy_cluster_stays_healthy_while_its_load_moves(start_lab: StartLab) -> None:
    lab = await start_lab("healthy")
    running = []
    for _ in range(20):
        await lab.advance(60)
        assert all(process.serving for process in _engines(lab))
        running.append(sum(round(process.serving.running) for process in _engines(lab) if process.serving))
    assert max(running) > 1.3 * min(running)
    restarts = [
        status["restartCount"]
        for pod in lab.store.list("v1", "Pod")
        for status in pod["status"].get("containerStatuses", ())
    ]
    assert set(restarts) == {0}


def _engines(lab: Lab) -> list[VllmServer]:
    units = [unit for worker in lab.world.kubelet.workers for unit in worker.units]
    return [unit.process for unit in units if isinstance(unit.process, VllmServer)]


async def test_a_lab_is_reached_by_its_kubeconfig() -> None:
    lab = await Lab.start("untolerated-taint", clock=LabClock())
    try:
        config = lab.kubeconfig()
        assert config["clusters"][0]["cluster"]["server"] == lab.url
        assert config["users"][0]["user"]["token"] == lab.token
        assert config["current-context"] == "lab"
    finally:
        await lab.stop()
