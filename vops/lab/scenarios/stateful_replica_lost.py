"""One of two replicas of a StatefulSet is gone and does not come back: its node was lost, and nobody may take its name.

The machine gpu-l4-2 went dark. The pod llama3-8b-1 was told to go after five minutes and stays Terminating, since no
kubelet is there to end it; a StatefulSet never runs two pods of one name, so it makes no other. llama3-8b-0 serves on.
Make sure that the machine is off, then delete the node or mark it out of service: the pod goes, and comes again where
a GPU is free.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import A100, L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, VLLM_IMAGE, node, stateful, storage_class, vllm
from vops.lab.scenarios._cluster import base, create, hours, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(hours=2)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 1), "gpu-a100-1": (A100, 1)})
    for name in ("gpu-l4-2", "gpu-l4-3"):
        world.store.create(node(name, gpu=L4, gpus=1, cpu=12, memory_gib=64, images=(VLLM_IMAGE,)))
    world.traffic.set(INFERENCE, "qwen3-14b", Traffic(2.0))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(1.2))
    create(world, vllm("qwen3-14b", "Qwen/Qwen3-14B", "--max-model-len", "32768", gpu=A100))
    create(world, storage_class())
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192", replicas=2, gpu=L4)
    create(world, stateful(llama, claims={"cache": "100Gi"}))
    world.after(hours(2) - minutes(14), lambda: world.kubelet.lose("gpu-l4-2"))
