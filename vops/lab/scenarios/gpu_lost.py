"""New pods are refused by a node again and again: one of its GPUs is lost, and the device plugin cannot list any.

The node gpu-l4-1 lost the GPU 3 (Xid 79). The device plugin marked it unhealthy, so the node offers one less; but to
choose among the others it asks the driver for all of them, which fails. The scheduler sees free cards and binds, the
kubelet refuses (UnexpectedAdmissionError), the ReplicaSet makes another pod, and failed pods pile up. The pod that was
there before serves on. Cordon the node, drain it and restart the machine; remove the failed pods.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import A100
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, VLLM_IMAGE, bare_gpu_node, device_plugin, vllm
from vops.lab.scenarios._cluster import base, create, minutes, scale

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-a100-1": (A100, 1)})
    world.hardware["gpu-l4-1"] = 4
    images = (VLLM_IMAGE, "nvidia/k8s-device-plugin:v0.20.0", "nvidia/dcgm-exporter:4.5.3")
    world.store.create(bare_gpu_node("gpu-l4-1", images=images, labels={"nvidia.com/gpu.present": "true"}))
    create(world, device_plugin())
    world.traffic.set(INFERENCE, "qwen3-14b", Traffic(2.0))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(0.9))
    create(world, vllm("qwen3-14b", "Qwen/Qwen3-14B", "--max-model-len", "32768", gpu=A100))
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    llama["spec"]["template"]["spec"]["nodeSelector"] = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    world.after(10, lambda: create(world, llama))
    world.after(minutes(45), lambda: world.kubelet.lose_gpu("gpu-l4-1", 3, 79))
    world.after(minutes(47), lambda: scale(world, "llama3-8b", 2))
