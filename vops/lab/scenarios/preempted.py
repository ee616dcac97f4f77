"""A server lost its GPU to something more important: a batch job of higher priority came, and no card was free.

The scheduler made room for the pod of nightly-embeddings (priority 100000) by ending the pod of llama3-8b (priority 0)
which has waited for a GPU since. Nothing is broken: somebody has to decide which of the two matters more, and give the
server a priority class of its own, or the job other hardware.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.documents import Document
from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import GPU_TOLERATION, INFERENCE, deployment, priority_class, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 2)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(0.9))
    world.after(
        minutes(1),
        lambda: create(world, vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")),
    )
    create(world, priority_class("batch-high", 100_000))
    world.after(minutes(35), lambda: create(world, _batch()))


def _batch() -> Document:
    """A GPU job of another team, which runs for long."""
    labels = {"app.kubernetes.io/name": "nightly-embeddings"}
    container = {
        "name": "embed",
        "image": "nginx:1.29",
        "resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "2", "memory": "8Gi"}},
    }
    pod = {"priorityClassName": "batch-high", "tolerations": [dict(GPU_TOLERATION)], "containers": [container]}
    return deployment("nightly-embeddings", "web", pod, labels=labels)
