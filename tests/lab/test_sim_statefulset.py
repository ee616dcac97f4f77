"""StatefulSets: names that stay, one pod after the other, and claims that outlive them."""

from __future__ import annotations

from tests.lab.simulation import create, llama, pods, run, world_with
from vops.lab.controllers.base import is_true
from vops.lab.documents import Document, copy_of
from vops.lab.manifests import INFERENCE, container_of, stateful, storage_class
from vops.lab.world import World


def _world(replicas: int = 2, **options: object) -> World:
    world = world_with(gpus=4)
    create(world, storage_class())
    document = stateful(llama(replicas=replicas), claims={"cache": "50Gi"})
    document["spec"] |= options
    create(world, document)
    return world


def _set(world: World) -> Document:
    return world.store.get("apps/v1", "StatefulSet", INFERENCE, "llama")


def _names(world: World) -> list[str]:
    return [pod["metadata"]["name"] for pod in pods(world)]


def test_each_pod_waits_for_the_one_before_it() -> None:
    world = _world()
    run(world, 30)
    assert _names(world) == ["llama-0"]
    run(world, 150)
    assert _names(world) == ["llama-0", "llama-1"]
    assert _set(world)["status"]["readyReplicas"] == 2


def test_each_template_leaves_a_revision() -> None:
    world = _world()
    run(world, 5)
    changed = copy_of(_set(world))
    container_of(changed)["args"] = ["--max-model-len", "4096"]
    world.store.update(changed)
    run(world, 5)
    found = world.store.list("apps/v1", "ControllerRevision", INFERENCE)
    assert sorted(item["revision"] for item in found) == [1, 2]
    latest = max(found, key=lambda item: item["revision"])
    assert latest["metadata"]["name"] == _set(world)["status"]["updateRevision"]


def test_in_parallel_they_come_together() -> None:
    world = _world(podManagementPolicy="Parallel")
    run(world, 5)
    assert _names(world) == ["llama-0", "llama-1"]


def test_each_has_a_claim_that_it_finds_again() -> None:
    world = _world(1)
    run(world, 120)
    (claim,) = world.store.list("v1", "PersistentVolumeClaim", INFERENCE)
    assert claim["metadata"]["name"] == "cache-llama-0"
    before = pods(world)[0]["metadata"]["uid"]
    world.store.delete("v1", "Pod", INFERENCE, "llama-0")
    run(world, 120)
    (pod,) = pods(world)
    assert pod["metadata"]["uid"] != before
    assert is_true(pod, "Ready")
    assert len(world.store.list("v1", "PersistentVolumeClaim", INFERENCE)) == 1


def test_a_change_rolls_from_the_last_to_the_first() -> None:
    world = _world()
    run(world, 200)
    changed = copy_of(_set(world))
    container_of(changed)["args"] += ["--max-num-seqs", "64"]
    world.store.update(changed)
    run(world, 20)
    assert _set(world)["status"]["updatedReplicas"] <= 1
    assert is_true(pods(world)[0], "Ready")
    run(world, 300)
    status = _set(world)["status"]
    assert (status["updatedReplicas"], status["readyReplicas"]) == (2, 2)
    assert status["currentRevision"] == status["updateRevision"]


def test_it_shrinks_from_the_end() -> None:
    world = _world(3)
    run(world, 300)
    changed = copy_of(_set(world))
    changed["spec"]["replicas"] = 1
    world.store.update(changed)
    run(world, 60)
    assert _names(world) == ["llama-0"]
