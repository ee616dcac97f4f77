"""A new Deployment never starts: the node cannot find the registry that its image is to come from.

The image is said to be in registry.internal.example.com, a name that the nodes' DNS does not know. The image may well
exist; nobody can tell before the name resolves. Have the record made, or pull through a registry that is reachable.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.registry import Trouble
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    host = "registry.internal.example.com"
    world.registry.afflict(host, Trouble.NO_SUCH_HOST)
    llama = vllm(
        "llama3-8b",
        "NousResearch/Meta-Llama-3-8B-Instruct",
        "--max-model-len",
        "8192",
        image=f"{host}/ml/vllm-openai:v0.25.1",
    )
    world.after(minutes(38), lambda: create(world, llama))
