"""A server waits for a node that the pool may not grow to: it has as many as its configuration allows.

The pool's maximum is one node, and that one's GPU is taken. The Cluster Autoscaler says so at every look ("max node
group size reached") and will not ask the cloud. Raise the maximum of the pool, or free a GPU.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, l4_pool, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 1)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.cloud.groups.append(l4_pool("europe-west4-a", most=1))
    create(world, vllm("qwen3-8b", "Qwen/Qwen3-8B", "--max-model-len", "8192", "--gpu-memory-utilization", "0.95"))
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    world.after(minutes(32), lambda: create(world, llama))
