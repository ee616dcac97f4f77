"""An autoscaler never scales although query, monitor and exporter are right: Prometheus overrules the monitor.

The query asks for the GPUs of the server's pods by the label pod. The exporter's ServiceMonitor honours labels, so
that should be the server's; but the Prometheus object has overrideHonorLabels: true, which turns that off for all
monitors. The series' pod is the exporter's own, the server's stands in exported_pod, the query has no result, and KEDA
takes that for 0. Ask for exported_pod and exported_namespace, or have the override taken away.
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
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    monitoring(world, override_honor_labels=True)
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(1.1, swing=0.2))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    create(world, vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192"))
    query = 'avg(DCGM_FI_DEV_GPU_UTIL{namespace="inference",pod=~"llama3-8b-.*"})'
    scaler = scaled_object("llama3-8b", query, "70", metricType="Value")
    world.after(minutes(5), lambda: create(world, scaler))
