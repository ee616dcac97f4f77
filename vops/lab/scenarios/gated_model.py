"""A server crash-loops because the hub refuses its model: 403, the model is gated and the token has no access.

The token in the Secret hf-token is valid, but its owner was never granted access to Meta-Llama-3-8B-Instruct. Two ways
out: a token of somebody who has access (the Secret hf-token-approved is one), or a mirror that is not gated, such as
NousResearch/Meta-Llama-3-8B-Instruct.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_token
from vops.lab.manifests import INFERENCE, token_secret, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)
GATED = "meta-llama/Meta-Llama-3-8B-Instruct"


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(1.0))
    world.hub.know("hf_lab_newcomer")
    world.hub.know("hf_lab_approved", GATED)
    create(world, token_secret("hf-token", "hf_lab_newcomer"))
    create(world, token_secret("hf-token-approved", "hf_lab_approved"))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    llama = with_token(vllm("llama3-8b", GATED, "--max-model-len", "8192"), "hf-token")
    world.after(minutes(42), lambda: create(world, llama))
