"""The device plugin: a node advertises GPUs while it runs, and only those that are healthy."""

from __future__ import annotations

from tests.lab.simulation import create, llama, pods, run
from vops.lab.clock import LabClock
from vops.lab.controllers.podworker import PodWorker
from vops.lab.engine.device_plugin import DevicePlugin
from vops.lab.manifests import INFERENCE, bare_gpu_node, device_plugin, namespace
from vops.lab.world import World

GPU = "nvidia.com/gpu"


def _world() -> World:
    world = World(LabClock())
    world.live = True
    world.hardware["gpu-1"] = 4
    world.store.create(namespace("kube-system"))
    world.store.create(bare_gpu_node("gpu-1", images=("nvidia/k8s-device-plugin:v0.20.0",)))
    run(world, 0.1)
    return world


def _gpus(world: World) -> tuple[str | None, str | None]:
    status = world.store.get("v1", "Node", "", "gpu-1")["status"]
    return status["capacity"].get(GPU), status["allocatable"].get(GPU)


def _worker(world: World) -> PodWorker:
    (worker,) = world.kubelet.workers
    return worker


def test_a_node_has_no_gpus_before_its_device_plugin_runs() -> None:
    world = _world()
    assert _gpus(world) == (None, None)
    create(world, device_plugin())
    run(world, 10)
    assert _gpus(world) == ("4", "4")


def test_a_device_plugin_that_does_not_tolerate_the_taint_has_no_pod() -> None:
    world = _world()
    create(world, device_plugin(tolerations=()))
    run(world, 10)
    assert not world.kubelet.workers
    assert _gpus(world) == (None, None)


def test_a_lost_gpu_is_marked_unhealthy_and_not_given_away() -> None:
    world = _world()
    create(world, device_plugin())
    run(world, 10)
    process = _worker(world).units[0].process
    assert isinstance(process, DevicePlugin)
    world.kubelet.lose_gpu("gpu-1", 2, 79)
    run(world, 5)
    assert _gpus(world) == ("4", "3")
    lines = [line.text for line in process.output.until(world.now)]
    assert any("XidCriticalError: Xid=79 on Device=GPU-" in line for line in lines)
    assert _worker(world).machine.take("inference/x", 4) is None


def test_a_node_with_a_lost_gpu_refuses_pods_that_would_fit() -> None:
    world = _world()
    world.store.create(namespace(INFERENCE))
    create(world, device_plugin())
    run(world, 10)
    world.kubelet.lose_gpu("gpu-1", 2, 79)
    run(world, 2)
    create(world, llama())
    run(world, 40)
    refused = [item for item in pods(world) if item["status"]["phase"] == "Failed"]
    assert len(refused) >= 2
    assert refused[0]["status"]["reason"] == "UnexpectedAdmissionError"
    assert refused[0]["status"]["message"].startswith("Pod was rejected: Allocate failed due to device plugin Get")
    assert "error creating nvml.Device 2: nvml: GPU is lost" in refused[0]["status"]["message"]


def test_without_its_plugin_a_node_keeps_the_capacity_and_offers_nothing() -> None:
    world = _world()
    create(world, device_plugin())
    run(world, 10)
    world.store.delete("apps/v1", "DaemonSet", "kube-system", "nvidia-device-plugin")
    run(world, 10)
    assert _gpus(world) == ("4", "0")
