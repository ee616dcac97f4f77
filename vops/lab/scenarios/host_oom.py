"""A server crash-loops with OOMKilled: its memory limit is smaller than what reading the weights takes.

The container may use 7 GiB of the host's memory. vLLM itself takes 4, and reading 15 GiB of weights needs buffers on
top, so the kernel kills it while it loads. This is the host's memory: --gpu-memory-utilization has nothing to do with
it. Raise limits.memory; the node has plenty.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_memory_limit, with_shared_memory
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    small = with_memory_limit(with_shared_memory(llama, "1Gi"), "7Gi")
    world.after(minutes(38), lambda: create(world, small))
