"""How vLLM divides a GPU's memory: weights, what a step needs, CUDA graphs, and the rest for the KV cache.

Constants are fitted to recorded starts of 0.25.1 (Llama-3-8B and Qwen3-0.6B on 80 GB, several utilisations, batch
sizes and with fp8 weights); they hold within 0.05 GiB there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from vops.lab.engine.arguments import Arguments
from vops.lab.engine.catalogue import ModelFacts
from vops.lab.engine.gpus import GpuKind
from vops.lab.engine.versions import Version

GIB = 1024**3
BLOCK_TOKENS = 16
_GRAPHS_GIB = 0.23
_STEP_GIB_PER_TOKEN = 0.0000146
_FP8_WEIGHTS = 0.567


@dataclass(frozen=True)
class MemoryPlan:
    """Memory per GPU in GiB, KV cache in tokens; `kv_gib` may be negative."""

    total_gib: float
    utilization: float
    weights_gib: float
    graphs_gib: float
    kv_gib: float
    kv_bytes_per_token: int
    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int

    @property
    def kv_tokens(self) -> int:
        """Whole blocks of tokens that fit."""
        return max(0, floor(self.kv_gib * GIB / (BLOCK_TOKENS * self.kv_bytes_per_token))) * BLOCK_TOKENS

    @property
    def needed_gib(self) -> float:
        """KV cache for one sequence of the maximum length."""
        return self.max_model_len * self.kv_bytes_per_token / GIB

    @property
    def weights_fit(self) -> bool:
        return self.weights_gib + 0.5 < self.total_gib


def plan_memory(arguments: Arguments, model: ModelFacts, gpu: GpuKind, version: Version) -> MemoryPlan:
    """What a start with these arguments would find."""
    large = gpu.memory_gib >= 70
    sequences = arguments.max_num_seqs or (1024 if large else 256)
    batched = arguments.max_num_batched_tokens or (8192 if large else 2048)
    utilization = arguments.gpu_memory_utilization or version.default_utilization
    world = arguments.tensor_parallel * arguments.pipeline_parallel
    fp8 = arguments.quantization == "fp8"
    weights = model.weights_gib * (_FP8_WEIGHTS if fp8 else 1.0) / world
    graphs = 0.0 if arguments.enforce_eager else _GRAPHS_GIB
    overhead = version.overhead_gib + batched * _STEP_GIB_PER_TOKEN + graphs + (0.4 if world > 1 else 0.0)
    shrink = 2 if arguments.kv_cache_dtype.startswith("fp8") else 1
    kv_heads = max(1, model.kv_heads // arguments.tensor_parallel)
    per_token = model.kv_bytes * kv_heads // model.kv_heads // arguments.pipeline_parallel // shrink
    return MemoryPlan(
        total_gib=gpu.memory_gib,
        utilization=utilization,
        weights_gib=weights,
        graphs_gib=graphs,
        kv_gib=utilization * gpu.memory_gib - weights - overhead,
        kv_bytes_per_token=per_token,
        max_model_len=arguments.max_model_len or model.positions,
        max_num_seqs=sequences,
        max_num_batched_tokens=batched,
    )
