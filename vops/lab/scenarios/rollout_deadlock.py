"""A rollout hangs for ever: the new pod waits for the GPU that the old pod of the same Deployment keeps.

The Deployment has one replica and Kubernetes' default strategy, which for one replica means: first start one more,
then stop the old one. The only L4 card is the old pod's. Nothing is broken, but it cannot move: roll with maxSurge 0
and maxUnavailable 1 instead, and accept the gap.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import A100, L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_default_surge
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, edit, hours, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(hours=3)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 1), "gpu-a100-1": (A100, 1)})
    world.traffic.set(INFERENCE, "qwen3-14b", Traffic(2.0))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(0.9))
    create(world, vllm("qwen3-14b", "Qwen/Qwen3-14B", "--max-model-len", "32768", gpu=A100))
    model = "NousResearch/Meta-Llama-3-8B-Instruct"
    before = vllm("llama3-8b", model, "--max-model-len", "8192", gpu=L4)
    after = vllm("llama3-8b", model, "--max-model-len", "8192", "--max-num-seqs", "64", gpu=L4)
    create(world, with_default_surge(before))
    world.after(hours(3) - minutes(12), lambda: edit(world, "llama3-8b", with_default_surge(after)))
