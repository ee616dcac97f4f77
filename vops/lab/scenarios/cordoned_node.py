"""A server stays Pending beside free GPUs: the only GPU node is cordoned.

Somebody has marked gpu-l4-1 unschedulable, for maintenance perhaps, and forgot to take that back. What runs there goes
on running, and nothing new is let in. Ask whoever did it; then kubectl uncordon gpu-l4-1.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, cordon, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.after(minutes(20), lambda: cordon(world, "gpu-l4-1"))
    world.after(
        minutes(36),
        lambda: create(world, vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")),
    )
