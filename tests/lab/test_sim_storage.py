"""Claims, the volumes made for them, and which node has which, in upstream's words."""

from __future__ import annotations

import pytest

from tests.lab.simulation import create, events, llama, pod, pods, run, world_with
from vops.lab.controllers.base import condition, is_true
from vops.lab.documents import Document, copy_of
from vops.lab.engine.gpus import L4
from vops.lab.faults import with_claim
from vops.lab.manifests import INFERENCE, VLLM_IMAGE, claim, node, storage_class
from vops.lab.world import World


def _claim(world: World) -> Document:
    return world.store.get("v1", "PersistentVolumeClaim", INFERENCE, "models")


def _unscheduled(world: World) -> str:
    found = condition(pod(world), "PodScheduled")
    assert found is not None
    return str(found["message"])


def _another_node(world: World, zone: str = "zone-a") -> None:
    world.store.create(node("gpu-2", gpu=L4, gpus=1, cpu=64, memory_gib=256, images=(VLLM_IMAGE,), zone=zone))


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([], '0/1 nodes are available: persistentvolumeclaim "models" not found. not found'),
        (
            [claim("models", class_name="fast")],
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. no new claims to deallocate, "
            "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        ),
    ],
)
def test_a_claim_without_a_volume_keeps_a_pod_from_every_node(objects: list[Document], message: str) -> None:
    world = world_with()
    for document in objects:
        create(world, document)
    create(world, with_claim(llama(), "models"))
    run(world, 5)
    assert _unscheduled(world) == message


def test_a_claim_of_a_class_that_is_not_there_is_complained_of() -> None:
    world = world_with()
    create(world, claim("models", class_name="fast"))
    run(world, 40)
    (said,) = events(world, "ProvisioningFailed")
    assert (said["message"], said["count"]) == ('storageclass.storage.k8s.io "fast" not found', 3)


def test_a_claim_waits_for_its_first_pod_and_gets_a_volume_in_its_zone() -> None:
    world = world_with()
    create(world, storage_class())
    create(world, claim("models"))
    run(world, 30)
    assert events(world, "WaitForFirstConsumer")[0]["type"] == "Normal"
    assert "volumeName" not in _claim(world)["spec"]
    create(world, with_claim(llama(), "models"))
    run(world, 90)
    assert is_true(pod(world), "Ready")
    volume = world.store.get("v1", "PersistentVolume", "", _claim(world)["spec"]["volumeName"])
    assert volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"] == [
        "zone-a"
    ]
    assert _claim(world)["status"]["phase"] == "Bound"


def test_a_volume_of_another_zone_keeps_a_pod_away() -> None:
    world = world_with(gpus=0)
    _another_node(world, "zone-b")
    create(world, storage_class(binding="Immediate"))
    create(world, claim("models"))
    run(world, 10)
    create(world, with_claim(llama(), "models"))
    run(world, 5)
    assert "1 node(s) didn't match PersistentVolume's node affinity" in _unscheduled(world)


def test_a_disk_is_attached_to_one_node_at_a_time() -> None:
    world = world_with()
    _another_node(world)
    create(world, storage_class())
    create(world, claim("models"))
    create(world, with_claim(llama(replicas=1), "models"))
    run(world, 90)
    (first,) = pods(world)
    second = copy_of(with_claim(llama(), "models"))
    second["metadata"]["name"] = "other"
    create(world, second)
    run(world, 130)
    (said,) = events(world, "FailedAttachVolume")
    assert said["message"].endswith(f"Volume is already used by pod(s) {first['metadata']['name']}")
    assert events(world, "FailedMount")[0]["message"].startswith("Unable to attach or mount volumes: unmounted")
    world.store.delete("apps/v1", "Deployment", INFERENCE, "llama")
    run(world, 120)
    (left,) = pods(world)
    assert is_true(left, "Ready")
