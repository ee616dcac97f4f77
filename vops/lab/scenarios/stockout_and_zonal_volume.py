"""A server waits for a node in the one zone that has none left: its disk lies there, and the other zone has machines.

The model cache is a volume of europe-west4-a, where it was made when the server first ran. Its node is gone, the cloud
is out of L4 machines there, and the pool of europe-west4-b would have some; but the disk cannot go there. The pin is
what can be changed: a new claim (the model is downloaded again), or one that all zones can read. Never delete the old
claim before its content is safe.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import A100
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_claim
from vops.lab.manifests import INFERENCE, claim, storage_class, vllm
from vops.lab.scenarios._cluster import base, create, l4_pool, minutes, reclaim

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-a100-1": (A100, 1)}, zones=("europe-west4-b",))
    world.traffic.set(INFERENCE, "qwen3-14b", Traffic(2.0))
    create(world, vllm("qwen3-14b", "Qwen/Qwen3-14B", "--max-model-len", "32768", gpu=A100))
    first, second = l4_pool("europe-west4-a"), l4_pool("europe-west4-b")
    world.cloud.groups += [first, second]
    world.cloud.stock["europe-west4-a"] = 1
    create(world, storage_class())
    create(world, claim("llama3-cache"))
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    create(world, with_claim(llama, "llama3-cache"))
    world.after(minutes(20), lambda: reclaim(world, first))
