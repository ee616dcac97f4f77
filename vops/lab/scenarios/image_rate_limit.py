"""A new Deployment does not start for now: Docker Hub refuses more anonymous pulls from this address.

The image exists and is public, and the node does not have it. The registry answers 429: too many pulls without an
account in the last hours. It goes on by itself once the limit is over; credentials, or a mirror, make an end of it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.registry import Trouble
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    newer = vllm(
        "llama3-8b",
        "NousResearch/Meta-Llama-3-8B-Instruct",
        "--max-model-len",
        "8192",
        image="vllm/vllm-openai:v0.32.0",
    )
    world.after(minutes(37), lambda: world.registry.afflict("docker.io", Trouble.RATE_LIMIT))
    world.after(minutes(38), lambda: create(world, newer))
