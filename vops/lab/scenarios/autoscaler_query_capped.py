"""An autoscaler that may use eight replicas never asks for more than two, whatever the load: its query is an average.

The guide's own recipe: avg(DCGM_FI_DEV_GPU_UTIL) with a threshold of 70 and KEDA's default metric type, AverageValue.
The HPA divides such a value by the threshold: 100 at most, over 70, is two replicas. Both are busy all the time. Set
metricType: Value, or follow the queue.
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
    base(world, gpu_nodes={"gpu-l4-1": (L4, 8)})
    monitoring(world)
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(2.4, swing=0.2))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    create(world, vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"))
    query = 'avg(DCGM_FI_DEV_GPU_UTIL{namespace="inference",pod=~"llama3-8b-.*"})'
    scaler = scaled_object("llama3-8b", query, "70", most=8)
    world.after(minutes(5), lambda: create(world, scaler))
