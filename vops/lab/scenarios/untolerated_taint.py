"""A new Deployment stays Pending: its pods do not tolerate the taint of the GPU nodes.

The only nodes with GPUs carry the taint nvidia.com/gpu=present:NoSchedule and have cards to spare; the nodes without
that taint have no GPU at all. The pod template lacks the toleration that its neighbour has. Add exactly that one.
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
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(1.0))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    world.after(minutes(36), lambda: create(world, without_tolerations(llama)))
