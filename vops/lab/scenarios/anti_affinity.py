"""A second replica stays Pending beside free GPUs: it may not share a node with the first, and there is no other node.

The pod template asks for a host of its own (podAntiAffinity by hostname), and the cluster has one GPU node, with two
cards to spare. Add a GPU node, or make the rule a preference.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_host_to_itself
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes, scale

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(0.9))
    create(
        world,
        with_host_to_itself(vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")),
    )
    world.after(minutes(38), lambda: scale(world, "llama3-8b", 2))
