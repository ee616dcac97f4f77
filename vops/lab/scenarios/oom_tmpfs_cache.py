"""A server crash-loops with OOMKilled while it loads: its model cache is a volume in memory, which counts as its own.

The cache is an emptyDir with medium Memory. 15 GiB of weights in it, and what reading them takes on top, exceed the
container's limit of 20 GiB. Put the cache on a disk, or raise the limit by the size of the model.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_empty_cache, with_memory_limit, with_shared_memory
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    llama = with_shared_memory(
        vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"), "1Gi"
    )
    small = with_memory_limit(with_empty_cache(llama, medium="Memory"), "20Gi")
    world.after(minutes(38), lambda: create(world, small))
