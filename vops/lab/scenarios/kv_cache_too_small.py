"""A server crash-loops because its KV cache cannot hold one sequence of the length that it promises.

Qwen3-8B takes 15 of the L4's 22 GiB. What is left for the KV cache is less than one sequence of 32,768 tokens needs,
so vLLM refuses to start and prints the longest sequence that would fit. Lower --max-model-len to that, rounded down.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    world.traffic.set(INFERENCE, "qwen3-8b", Traffic(1.0))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    too_long = vllm("qwen3-8b", "Qwen/Qwen3-8B", "--max-model-len", "32768", "--gpu-memory-utilization", "0.90")
    world.after(minutes(39.5), lambda: create(world, too_long))
