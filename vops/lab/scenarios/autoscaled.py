"""A model that is scaled by its queue of requests, and well: two replicas now, and up to four when more wait.

KEDA follows the number of requests that run and wait over all replicas, from a Prometheus that scrapes the servers;
each replica is to have twelve. The load moves, and the number of replicas follows it within minutes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.monitoring.manifests import scaled_object
from vops.lab.scenarios._cluster import base, create, minutes, monitoring

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 6)})
    monitoring(world)
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(2.0, swing=0.3, period_s=900))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    create(world, vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"))
    ours = '{model_name="llama3-8b"}'
    query = f"sum(vllm:num_requests_running{ours}) + sum(vllm:num_requests_waiting{ours})"
    world.after(minutes(5), lambda: create(world, scaled_object("llama3-8b", query, "12")))
