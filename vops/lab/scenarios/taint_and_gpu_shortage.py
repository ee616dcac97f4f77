"""A server stays Pending for two reasons at once: it does not tolerate the GPU nodes' taint, and no GPU is free there.

The pod template has no toleration for nvidia.com/gpu, and the only GPU node's single L4 belongs to a server that needs
it. The scheduler tells of the taint alone, since it looks no further on that node. Whoever adds the toleration only
learns of the shortage next: both have to be seen to.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import without_tolerations
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 1)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    world.after(minutes(36), lambda: create(world, without_tolerations(llama)))
