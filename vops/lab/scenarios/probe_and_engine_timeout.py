"""A server gives up on itself after ten minutes, and its startup probe would end it a minute later.

The hub is slow today: the download takes 17 minutes. vLLM's API server waits 600 s for its engine
(VLLM_ENGINE_READY_TIMEOUT_S) and then exits with code 1; the startup probe allows 660 s. Raising one of the two limits
only makes the other one strike: both have to allow the whole start, the variable no less than the probe.
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

PAST = timedelta(minutes=72)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.hub.gib_per_s = 0.0145
    llama = without_cache(vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"))
    world.after(minutes(36), lambda: create(world, with_startup_budget(llama, 660)))
