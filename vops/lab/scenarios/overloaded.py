"""A server is well and too small: more requests come than it can serve, and they wait for longer and longer.

Its KV cache is full, so that sequences are pushed out of it and computed again; the queue grows, and the time to the
first token with it. Nothing is broken. Add replicas (two GPUs are free), or let it take fewer requests.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(3.2, swing=0.1))
    create(world, vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"))
