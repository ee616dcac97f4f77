"""A container is never created: the Secret that its token comes from does not exist.

The pod template reads HF_TOKEN from the Secret hf-token, and the namespace has none of that name. The kubelet tries
again every few seconds and goes on as soon as the Secret is there. Create it with the token of an account that has
access to the model.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_token
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)
GATED = "meta-llama/Meta-Llama-3-8B-Instruct"


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.hub.know("hf_lab_approved", GATED)
    llama = with_token(vllm("llama3-8b", GATED, "--max-model-len", "8192"), "hf-token")
    world.after(minutes(40), lambda: create(world, llama))
