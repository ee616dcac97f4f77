"""A server runs and serves nobody: its readiness probe asks on a port where it does not listen.

The log says that the server is up on port 8000; the readiness probe asks on 8080 and is refused. A readiness probe
restarts nothing, so the pod just never becomes ready, and the Service has no address. Let the probe ask on the port
`http`; more time would not help.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, container_of, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    llama = vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
    container_of(llama)["readinessProbe"]["httpGet"]["port"] = 8080
    world.after(minutes(38), lambda: create(world, llama))
