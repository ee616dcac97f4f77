"""A server gets as far as its weights and is then refused by the hub: half of a gated model lies in its cache.

Somebody with access had begun to download the model on this node and was stopped. The new Deployment's token has no
access: what is cached is used, down to the first file that is missing, and for that one the hub answers 403. The cache
hides that the token was never any good. Use a token with access (the Secret hf-token-approved is one) or a mirror.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_token
from vops.lab.manifests import INFERENCE, token_secret, vllm
from vops.lab.scenarios._cluster import base, create, delete, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)
GATED = "meta-llama/Meta-Llama-3-8B-Instruct"


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.hub.know("hf_lab_newcomer")
    world.hub.know("hf_lab_approved", GATED)
    create(world, token_secret("hf-token", "hf_lab_newcomer"))
    create(world, token_secret("hf-token-approved", "hf_lab_approved"))
    world.hub.gib_per_s = 0.1
    create(world, with_token(vllm("llama3-8b", GATED, "--max-model-len", "8192"), "hf-token-approved"))
    world.after(minutes(2), lambda: delete(world, "llama3-8b"))
    refused = with_token(vllm("llama3-8b", GATED, "--max-model-len", "8192"), "hf-token")
    world.after(minutes(40), lambda: create(world, refused))
