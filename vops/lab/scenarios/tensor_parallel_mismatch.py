"""A server crash-loops because it is to spread over four GPUs and has two.

--tensor-parallel-size is 4 and the container asks for nvidia.com/gpu: 2, so vLLM finds two devices and stops before it
loads anything. The model needs only two H100s: set the size to 2. Asking for four GPUs would work as well, and cost
two more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import H100, L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 2), "gpu-h100-1": (H100, 8)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384", gpu=L4))
    spread = vllm(
        "llama3-70b",
        "casperhansen/llama-3-70b-instruct-awq",
        "--quantization",
        "awq_marlin",
        "--tensor-parallel-size",
        "4",
        gpus=2,
        gpu=H100,
    )
    world.after(minutes(40), lambda: create(world, spread))
