"""The Cluster Autoscaler: what it asks the cloud for, what it tells pods, and what it says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.lab.simulation import create, events, llama, pods, run, world_with
from vops.lab.controllers.base import is_true
from vops.lab.faults import without_tolerations
from vops.lab.manifests import namespace
from vops.lab.scenarios._cluster import l4_pool
from vops.lab.world import World


def _world(**cloud: Any) -> World:
    """A world without a free GPU and with a pool that could bring one."""
    world = world_with(gpus=0)
    world.store.create(namespace("kube-system"))
    world.cloud.groups.append(l4_pool("europe-west4-a"))
    for name, value in cloud.items():
        setattr(world.cloud, name, value)
    return world


def _status(world: World) -> dict[str, Any]:
    found = world.store.get("v1", "ConfigMap", "kube-system", "cluster-autoscaler-status")
    document: dict[str, Any] = YAML(typ="safe").load(found["data"]["status"])
    return dict(document["nodeGroups"][0])


def test_a_pending_pod_brings_a_node() -> None:
    world = _world()
    create(world, llama())
    run(world, 20)
    (said,) = events(world, "TriggeredScaleUp")
    assert said["message"].endswith("instanceGroups/gke-lab-l4-a-grp 0->1 (max: 4)}]")
    assert _status(world)["scaleUp"]["status"] == "InProgress"
    run(world, 280)
    (pod,) = pods(world)
    assert pod["spec"]["nodeName"] == "gke-lab-l4-a-0001"
    assert is_true(pod, "Ready")


@pytest.mark.parametrize(
    ("cloud", "words", "code"),
    [
        ({"stock": {"europe-west4-a": 0}}, "GCE out of resources", "RESOURCE_POOL_EXHAUSTED"),
        ({"quota": 0}, "GCE quota exceeded", "QUOTA_EXCEEDED"),
    ],
)
def test_a_refusal_is_passed_on_and_backed_off(cloud: dict[str, Any], words: str, code: str) -> None:
    world = _world(**cloud)
    create(world, llama())
    run(world, 60)
    (said,) = events(world, "FailedScaleUp")
    assert said["message"] == (
        f"Node scale up in zones europe-west4-a associated with this pod failed: {words}. "
        "Pod is at risk of not being scheduled."
    )
    assert events(world, "NotTriggerScaleUp")[0]["message"] == (
        "pod didn't trigger scale-up: 1 in backoff after failed scale-up"
    )
    assert _status(world)["scaleUp"]["backoffInfo"]["errorCode"] == code
    run(world, 300)
    assert events(world, "TriggeredScaleUp")[0]["count"] == 2


def test_a_pod_that_no_group_would_take_is_told_why() -> None:
    world = _world()
    create(world, without_tolerations(llama()))
    run(world, 20)
    assert events(world, "NotTriggerScaleUp")[0]["message"] == (
        "pod didn't trigger scale-up: 1 node(s) had untolerated taint(s)"
    )
