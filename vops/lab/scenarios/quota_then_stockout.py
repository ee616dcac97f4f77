"""A server waits for a node that the cloud refuses twice over: first for its quota, and now for want of stock.

The pool of L4 nodes may grow, and each attempt fails. Until half an hour ago the project's GPU quota was used up;
somebody had it raised, and now the zone has no L4 machines left. The quota hid the shortage: it is the stock that
stands in the way now. Let the pool use other zones or other machines, or wait: the autoscaler goes on trying.
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
    world.cloud.groups.append(l4_pool("europe-west4-a"))
    world.cloud.stock["europe-west4-a"] = 0
    world.cloud.quota = 0
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    world.after(minutes(10), lambda: create(world, llama))
    world.after(minutes(22), lambda: setattr(world.cloud, "quota", 8))
