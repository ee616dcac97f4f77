"""What pods on nodes mean for others: ports, affinity, spread, priorities and quotas, in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.simulation import create, deployment, events, llama, pod, pods, run, world_with
from vops.lab.controllers.base import condition, is_true
from vops.lab.documents import Document, copy_of
from vops.lab.engine.gpus import L4
from vops.lab.faults import with_host_to_itself
from vops.lab.manifests import VLLM_IMAGE, node, priority_class, resource_quota
from vops.lab.world import World

SELECTOR = {"matchLabels": {"app.kubernetes.io/name": "llama"}}
ZONE = "topology.kubernetes.io/zone"


def _two_nodes(**second: Any) -> World:
    world = world_with(gpus=4)
    world.store.create(node("gpu-2", gpu=L4, gpus=4, cpu=64, memory_gib=256, images=(VLLM_IMAGE,), **second))
    return world


def _with(change: dict[str, Any], **options: Any) -> Document:
    document = llama(**options)
    document["spec"]["template"]["spec"] |= change
    return document


def _homes(world: World) -> list[str]:
    return sorted(item["spec"].get("nodeName", "") for item in pods(world))


def _why(world: World) -> str:
    """Why the one pod without a node has none."""
    (waiting,) = (item for item in pods(world) if not item["spec"].get("nodeName"))
    found = condition(waiting, "PodScheduled")
    assert found is not None
    return str(found["message"])


def _spread(key: str) -> dict[str, Any]:
    constraint = {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": SELECTOR}
    return {"topologySpreadConstraints": [constraint]}


def _near(key: str, labels: dict[str, str]) -> dict[str, Any]:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": labels}}
    return {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def test_pods_that_want_a_host_each_get_one() -> None:
    world = _two_nodes()
    create(world, with_host_to_itself(llama(replicas=3)))
    run(world, 5)
    assert _homes(world) == ["", "gpu-1", "gpu-2"]
    assert _why(world).startswith("0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.")


def test_a_pod_that_others_want_away_is_told_so() -> None:
    world = world_with(gpus=4)
    create(world, with_host_to_itself(llama()))
    run(world, 2)
    other = _with({})
    other["metadata"]["name"] = "llama-too"
    create(world, other)
    run(world, 2)
    assert "1 node(s) didn't satisfy existing pods anti-affinity rules" in _why(world)


def test_pods_are_spread_over_zones_evenly() -> None:
    world = _two_nodes(zone="zone-b")
    create(world, _with(_spread(ZONE), replicas=4))
    run(world, 5)
    assert _homes(world) == ["gpu-1", "gpu-1", "gpu-2", "gpu-2"]


def test_a_full_zone_keeps_the_next_pod_from_the_other() -> None:
    world = world_with(gpus=4)
    world.store.create(node("gpu-2", gpu=L4, gpus=1, cpu=64, memory_gib=256, images=(VLLM_IMAGE,), zone="zone-b"))
    create(world, _with(_spread(ZONE), replicas=4))
    run(world, 5)
    assert _homes(world) == ["", "gpu-1", "gpu-1", "gpu-2"]
    assert "1 node(s) didn't match pod topology spread constraints" in _why(world)


def test_a_node_without_the_label_takes_none() -> None:
    world = world_with()
    create(world, _with(_spread("rack")))
    run(world, 2)
    assert "1 node(s) didn't match pod topology spread constraints (missing required label)" in _why(world)


@pytest.mark.parametrize(
    ("labels", "homes"), [({"app.kubernetes.io/name": "llama"}, ["gpu-1"]), ({"app": "database"}, [""])]
)
def test_a_pod_goes_near_its_own_kind_or_waits_for_another(labels: dict[str, str], homes: list[str]) -> None:
    world = world_with()
    create(world, _with(_near(ZONE, labels)))
    run(world, 2)
    assert _homes(world) == homes


def test_a_port_of_the_host_is_given_out_once() -> None:
    world = world_with(gpus=4)
    document = llama(replicas=2)
    document["spec"]["template"]["spec"]["containers"][0]["ports"][0]["hostPort"] = 8000
    create(world, document)
    run(world, 2)
    assert "1 node(s) didn't have free ports for the requested pod ports" in _why(world)


def test_a_more_important_pod_takes_the_place_of_another() -> None:
    world = world_with()
    create(world, llama())
    run(world, 90)
    (victim,) = pods(world)
    create(world, priority_class("high", 1000))
    important = copy_of(_with({"priorityClassName": "high"}))
    important["metadata"]["name"] = "important"
    important["spec"]["selector"]["matchLabels"] = {"app.kubernetes.io/name": "important"}
    important["spec"]["template"]["metadata"]["labels"] = {"app.kubernetes.io/name": "important"}
    create(world, important)
    run(world, 120)
    (event,) = events(world, "Preempted")
    assert event["involvedObject"]["name"] == victim["metadata"]["name"]
    winner = next(item for item in pods(world) if item["metadata"]["name"].startswith("important"))
    assert event["message"] == f"Preempted by pod {winner['metadata']['uid']} on node gpu-1"
    assert (winner["spec"]["priority"], is_true(winner, "Ready")) == (1000, True)
    assert "1 No preemption victims found for incoming pod" in _why(world)


def test_a_quota_refuses_pods_beyond_it_and_counts_those_within() -> None:
    world = world_with(gpus=4)
    create(world, resource_quota("gpus", gpus="1"))
    create(world, llama(replicas=2))
    run(world, 5)
    assert len(pods(world)) == 1
    failed = condition(deployment(world), "ReplicaFailure")
    assert failed is not None
    assert failed["message"].endswith(
        "is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=1, "
        "limited: requests.nvidia.com/gpu=1"
    )
    quota = world.store.get("v1", "ResourceQuota", "inference", "gpus")
    assert quota["status"]["used"] == {"requests.nvidia.com/gpu": "1"}


def test_a_priority_class_that_is_not_there_is_refused() -> None:
    world = world_with()
    create(world, _with({"priorityClassName": "gold"}))
    run(world, 5)
    assert not pods(world)
    assert "no PriorityClass with name gold was found" in events(world, "FailedCreate")[0]["message"]


def test_a_pod_without_a_class_has_priority_zero() -> None:
    world = world_with()
    create(world, llama())
    run(world, 2)
    assert pod(world)["spec"]["priority"] == 0
