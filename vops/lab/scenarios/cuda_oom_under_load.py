"""A server serves for a while and then dies of its load, again and again: the GPU's memory runs out under a full batch.

--gpu-memory-utilization is 0.98, which leaves almost nothing for what vLLM does not plan for, such as the logits of a
large batch. It is the GPU's memory: CUDA's error stands in the log, the container ends with exit code 0, and nothing is
OOMKilled. Lower the utilisation to 0.90 or so, or --max-num-seqs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(4.0, swing=0.2))
    tight = ("--max-model-len", "8192", "--gpu-memory-utilization", "0.98")
    world.after(minutes(30), lambda: create(world, vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", *tight)))
