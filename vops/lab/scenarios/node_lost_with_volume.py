"""A server does not come back after its node was lost: the node never let go of the disk with its model.

The machine gpu-l4-1 went dark. After five minutes its pod was told to go, and a new one was made on gpu-l4-2; but the
old pod stays Terminating, because nobody is there to end it, and the disk (ReadWriteOnce) stays attached to the dead
node. Make sure that the machine is off, then delete the node or mark it out of service; the rest happens by itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import A100, L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_claim
from vops.lab.manifests import INFERENCE, VLLM_IMAGE, claim, node, storage_class, vllm
from vops.lab.scenarios._cluster import base, create, hours, minutes

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
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192", gpu=L4)
    create(world, with_claim(llama, "llama3-cache"))
    world.after(hours(3) - minutes(16), lambda: world.kubelet.lose("gpu-l4-1"))
