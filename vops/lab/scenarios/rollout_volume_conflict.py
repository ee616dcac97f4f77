"""A rollout hangs: the new pod waits for a disk that the old pod of the same Deployment keeps on another node.

The model cache is a claim that one node at a time may use (ReadWriteOnce). The rolling update starts the new pod
before it stops the old one, there is a free card on the other GPU node only, and there the disk cannot be attached.
Nothing is broken, and it will never move: stop the old pod first (maxSurge 0, maxUnavailable 1, or Recreate), or use
a volume that several nodes may read.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import A100, L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_claim, with_default_surge
from vops.lab.manifests import INFERENCE, VLLM_IMAGE, claim, node, storage_class, vllm
from vops.lab.scenarios._cluster import base, create, edit, hours, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(hours=3)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 1), "gpu-a100-1": (A100, 1)})
    world.store.create(node("gpu-l4-2", gpu=L4, gpus=1, cpu=12, memory_gib=64, images=(VLLM_IMAGE,)))
    world.traffic.set(INFERENCE, "qwen3-14b", Traffic(2.0))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(0.9))
    create(world, vllm("qwen3-14b", "Qwen/Qwen3-14B", "--max-model-len", "32768", gpu=A100))
    create(world, storage_class())
    create(world, claim("llama3-cache"))
    model = "NousResearch/Meta-Llama-3-8B-Instruct"
    before = vllm("llama3-8b", model, "--max-model-len", "8192", gpu=L4)
    after = vllm("llama3-8b", model, "--max-model-len", "8192", "--max-num-seqs", "64", gpu=L4)
    create(world, with_default_surge(with_claim(before, "llama3-cache")))
    rolled = with_default_surge(with_claim(after, "llama3-cache"))
    world.after(hours(3) - minutes(12), lambda: edit(world, "llama3-8b", rolled))
