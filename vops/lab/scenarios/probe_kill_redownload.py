"""A server will never come up: its startup probe kills it while it downloads, and every restart begins from nothing.

The probe allows two minutes, the download of 15 GiB takes five at today's speed, and what was fetched lies in the
container's own files, which go with each restart: a slow start has become an endless one. Two things have to change
together: a cache that outlives the container (a claim; an emptyDir at least), and a startup probe with room for the
whole start.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_startup_budget, without_cache
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.hub.gib_per_s = 0.05
    llama = without_cache(vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"))
    world.after(minutes(32), lambda: create(world, with_startup_budget(llama, 120)))
