"""A server stays Pending although cards are free: their node does not tell anybody that it has them.

The node gpu-l4-1, which the pod asks for by its label, has four L4 cards by its machine type and labels, and no
nvidia.com/gpu in its capacity: the DaemonSet of NVIDIA's device plugin tolerates no taint, so that it has no pod there.
Give the device plugin the toleration for nvidia.com/gpu; the node advertises its cards a few seconds later.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import A100
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, VLLM_IMAGE, bare_gpu_node, device_plugin, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-a100-1": (A100, 1)})
    world.hardware["gpu-l4-1"] = 4
    world.store.create(bare_gpu_node("gpu-l4-1", images=(VLLM_IMAGE,)))
    create(world, device_plugin(tolerations=()))
    world.traffic.set(INFERENCE, "qwen3-14b", Traffic(2.0))
    create(world, vllm("qwen3-14b", "Qwen/Qwen3-14B", "--max-model-len", "32768", gpu=A100))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(1.0))
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    llama["spec"]["template"]["spec"]["nodeSelector"] = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    world.after(minutes(36), lambda: create(world, llama))
