"""A new Deployment never starts: the tag of its image does not exist.

Somebody wrote vllm/vllm-openai:v0.25.11 where v0.25.1 was meant. The registry answers that there is no such tag, the
kubelet backs off and asks again, and nothing will come of it until the tag is right.
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
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    mistyped = vllm(
        "llama3-8b",
        "NousResearch/Meta-Llama-3-8B-Instruct",
        "--max-model-len",
        "8192",
        image="vllm/vllm-openai:v0.25.11",
    )
    world.after(minutes(38), lambda: create(world, mistyped))
