"""Clients cannot reach a model that is ready: its Service sends them to a port where nobody listens.

The server listens on 8000, its pod is ready, and the Service llama3-8b selects it; but the Service's target port is
8080, so that every connection is refused. The neighbour's Service names the container's port (`http`) and works.
Set the target port to 8000, or better to `http`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, cluster_ip, vllm
from vops.lab.scenarios._cluster import base, create

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(0.0))
    create(world, cluster_ip("qwen3-4b"))
    create(world, vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"))
    create(world, cluster_ip("llama3-8b", target=8080))
