"""A server stays Pending because its model cache has no volume: the claim names a StorageClass that does not exist.

The claim llama3-cache asks for the class fast-ssd, and the cluster has only standard. No volume is ever made, so no
node is good enough for the pod, GPUs or not. A claim's class cannot be changed: make a new claim of the class standard
(nothing is lost, it was never bound) and let the pod use that.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_claim
from vops.lab.manifests import INFERENCE, claim, storage_class, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    create(world, storage_class())
    llama = with_claim(
        vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"), "llama3-cache"
    )
    world.after(minutes(36), lambda: create(world, claim("llama3-cache", class_name="fast-ssd")))
    world.after(minutes(36), lambda: create(world, llama))
