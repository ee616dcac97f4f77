"""A scale-up takes minutes to serve its first request: the new replica downloads the model before it can load it.

Nothing is broken. The Deployment keeps its model cache in an emptyDir, so every new pod begins with an empty one and
fetches 15 GiB from the hub, slowly today; its startup probe allows for that. The old replica serves meanwhile. A claim
that all replicas read (or an image with the model in it) would save the download.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_empty_cache
from vops.lab.manifests import INFERENCE, storage_class, vllm
from vops.lab.scenarios._cluster import base, create, minutes, scale

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    create(world, storage_class())
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.hub.gib_per_s = 0.08
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(2.4))
    create(
        world, with_empty_cache(vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"))
    )
    world.after(minutes(48), lambda: scale(world, "llama3-8b", 2))
