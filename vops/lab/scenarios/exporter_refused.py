"""Nobody measures the GPUs: the exporter asks for a priority class that only kube-system may use.

The DCGM exporter's chart sets priorityClassName: system-node-critical. On this cluster (as on GKE) pods of that class
are refused outside of kube-system unless a quota of the namespace allows them, so the DaemonSet wants a pod on the GPU
node and has none; only its events say why. Take the class out of the chart's values, or name one of your own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, dcgm_exporter, vllm
from vops.lab.scenarios._cluster import base, create

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    world.admission.guards_critical = True
    refused = dcgm_exporter(priority_class_name="system-node-critical")
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)}, exporter=refused)
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
