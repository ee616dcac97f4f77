"""An autoscaler that reports to be well never scales: nobody measures the GPUs that it is to follow.

The DCGM exporter's DaemonSet tolerates control planes only, as its chart comes, and so wants no pod on any GPU node: 0
of 0 are ready, and nobody complains. The query for the GPUs' utilisation therefore has no result, KEDA takes that for
0, and the HPA keeps the least number of replicas while the only GPU is busy all the time. Give the exporter the GPU
nodes' toleration.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, dcgm_exporter, vllm
from vops.lab.monitoring.manifests import scaled_object
from vops.lab.scenarios._cluster import base, create, minutes, monitoring

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)}, exporter=dcgm_exporter(tolerates=False))
    monitoring(world)
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(1.1, swing=0.2))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    create(world, vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"))
    query = 'avg(DCGM_FI_DEV_GPU_UTIL{namespace="inference",pod=~"llama3-8b-.*"})'
    scaler = scaled_object("llama3-8b", query, "70", metricType="Value")
    world.after(minutes(5), lambda: create(world, scaler))
