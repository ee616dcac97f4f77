"""A server crash-loops with exit code 137 and no reason: the kernel killed it for its memory, unseen by the runtime.

Kubernetes says Error, not OOMKilled: the container runtime may miss a kill, and containerd says so itself. But no
probe, no eviction and no deletion accounts for the signal, the log stops in the middle of reading the weights, and the
memory limit of 7 GiB is less than that takes. Raise limits.memory.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_memory_limit, with_shared_memory
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    llama = with_shared_memory(
        vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"), "1Gi"
    )
    world.after(minutes(1), lambda: world.kubelet.overlook_oom("gpu-l4-1"))
    world.after(minutes(38), lambda: create(world, with_memory_limit(llama, "7Gi")))
