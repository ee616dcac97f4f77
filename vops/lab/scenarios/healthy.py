"""Three models on eight replicas, all serving, under a load that moves.

Nothing is wrong. The Llama replicas on L4 cards are the busiest: at the top of the load their KV cache fills up and a
few requests wait. One of them was added within the hour.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import A100, H100, L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, storage_class, vllm
from vops.lab.scenarios._cluster import base, create, hours, minutes, scale

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(days=2)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4), "gpu-l4-2": (L4, 2), "gpu-a100-1": (A100, 4), "gpu-h100-1": (H100, 8)})
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(4.4, prompt_tokens=720, output_tokens=180, swing=0.45))
    world.traffic.set(INFERENCE, "qwen3-14b", Traffic(6.0, 1100, 240, swing=0.5, period_s=300, prefix_share=0.65))
    world.traffic.set(INFERENCE, "llama3-70b", Traffic(7.0, 900, 210, swing=0.35, period_s=540, prefix_share=0.3))
    llama = vllm(
        "llama3-8b",
        "NousResearch/Meta-Llama-3-8B-Instruct",
        "--max-model-len",
        "8192",
        "--gpu-memory-utilization",
        "0.92",
        replicas=3,
        gpu=L4,
    )
    qwen = vllm("qwen3-14b", "Qwen/Qwen3-14B", "--max-model-len", "32768", replicas=2, gpu=A100,
                image="vllm/vllm-openai:v0.32.0")  # fmt: skip
    seventy = vllm(
        "llama3-70b",
        "casperhansen/llama-3-70b-instruct-awq",
        "--quantization",
        "awq_marlin",
        "--tensor-parallel-size",
        "2",
        replicas=2,
        gpus=2,
        gpu=H100,
    )
    world.after(hours(17), lambda: create(world, seventy))
    world.after(hours(22), lambda: create(world, llama))
    world.after(hours(42.6), lambda: create(world, qwen))
    world.after(hours(48) - minutes(38), lambda: scale(world, "llama3-8b", 4))
    world.after(hours(48) - minutes(1), lambda: create(world, storage_class()))
