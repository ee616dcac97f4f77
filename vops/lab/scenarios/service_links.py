"""A server that starts everywhere else crash-loops in this namespace: a Service is called vllm.

Kubernetes tells every container of the Services beside it by environment variables, so that a Service named vllm sets
VLLM_PORT=tcp://…, which vLLM takes for a setting of its own. Nothing in the pod template is wrong but that it does not
say enableServiceLinks: false.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, cluster_ip, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    create(world, cluster_ip("vllm"))
    linked = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    linked["spec"]["template"]["spec"]["enableServiceLinks"] = True
    world.after(minutes(40), lambda: create(world, linked))
