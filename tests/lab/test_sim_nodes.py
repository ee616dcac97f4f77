"""A node that goes dark: what the control plane makes of it, and when."""

from __future__ import annotations

from tests.lab.simulation import ask, create, events, llama, pods, run, world_with
from vops.lab.controllers.base import condition, is_true
from vops.lab.engine.gpus import L4
from vops.lab.manifests import VLLM_IMAGE, node
from vops.lab.world import World


def _dark() -> World:
    """A world whose only server runs on a node that has just gone dark, and that has another GPU node."""
    world = world_with()
    create(world, llama())
    run(world, 90)
    world.store.create(node("gpu-2", gpu=L4, gpus=1, cpu=64, memory_gib=256, images=(VLLM_IMAGE,)))
    world.kubelet.lose("gpu-1")
    return world


def test_a_silent_kubelet_is_given_up_after_its_grace_period() -> None:
    world = _dark()
    run(world, 45)
    assert is_true(world.store.get("v1", "Node", "", "gpu-1"), "Ready")
    run(world, 10)
    lost = world.store.get("v1", "Node", "", "gpu-1")
    ready = condition(lost, "Ready")
    assert ready is not None
    assert (ready["status"], ready["message"]) == ("Unknown", "Kubelet stopped posting node status.")
    taints = [(taint["key"], taint["effect"]) for taint in lost["spec"]["taints"]]
    assert ("node.kubernetes.io/unreachable", "NoExecute") in taints
    (pod,) = pods(world)
    assert not is_true(pod, "Ready")
    assert events(world, "NodeNotReady")


def test_its_pods_are_evicted_after_five_minutes_and_replaced() -> None:
    world = _dark()
    run(world, 300)
    assert len(pods(world)) == 1
    run(world, 60)
    old, new = sorted(pods(world), key=lambda pod: str(pod["spec"].get("nodeName")))
    assert "deletionTimestamp" in old["metadata"]
    target = condition(old, "DisruptionTarget")
    assert target is not None
    assert target["reason"] == "DeletionByTaintManager"
    assert new["spec"]["nodeName"] == "gpu-2"


def test_nothing_answers_on_a_dark_node() -> None:
    world = _dark()
    assert ask(world, "/health") is None


def test_the_pods_of_a_deleted_node_are_removed() -> None:
    world = _dark()
    run(world, 400)
    world.store.delete("v1", "Node", "", "gpu-1")
    run(world, 5)
    (left,) = pods(world)
    assert left["spec"]["nodeName"] == "gpu-2"
