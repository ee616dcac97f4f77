"""A Deployment has no pod at all: the namespace's quota of GPUs is used up, and the API server refuses to create it.

There is nothing to look at but the Deployment: the refusal stands in the events of its ReplicaSet and in the condition
ReplicaFailure. The quota gpu-quota allows one GPU, and the neighbour has it. Raise the quota, or scale the neighbour
down; the ReplicaSet tries again by itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, resource_quota, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    create(world, resource_quota("gpu-quota", gpus="1"))
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    world.after(minutes(40), lambda: create(world, llama))
