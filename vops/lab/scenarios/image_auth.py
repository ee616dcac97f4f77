"""A new Deployment never starts: its registry does not hand the image to somebody who does not say who he is.

The image is a private build in registry.example.com, and exists. The pod names no imagePullSecrets, so the kubelet
asks without credentials and is refused with 401. The Secret registry-credentials in the namespace opens the registry:
name it in the pod template.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, credential, pull_secret, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    image = "registry.example.com/ml/vllm-openai:v0.25.1"
    secret = pull_secret("registry-credentials", "registry.example.com", "lab", "lab")
    world.registry.add(image, 10_000_000_000, credential=credential("lab", "lab"))
    create(world, secret)
    private = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192", image=image)
    world.after(minutes(38), lambda: create(world, private))
