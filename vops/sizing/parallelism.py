"""How a model is divided over GPUs: tensor, pipeline, data and expert parallel.

Sources: vLLM's distributed/utils.py `get_pp_indices`, model_executor/layers/vocab_parallel_embedding.py (64-row
padding), config/model.py `get_num_kv_heads` and `verify_with_parallel_config`.
"""

from __future__ import annotations

from math import lcm

import msgspec

from vops.sizing.architecture import Architecture

VOCABULARY_PADDING = 64


class Parallelism(msgspec.Struct, frozen=True):
    """Sizes of each kind; `expert` tells that experts are dealt whole to the ranks of tensor × data parallel."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    expert: bool = False

    @property
    def gpus(self) -> int:
        return self.tensor * self.pipeline * self.data

    @property
    def expert_ranks(self) -> int:
        """The ranks over which one layer's experts are divided, whole or sliced."""
        return self.tensor * self.data


def kv_heads_per_gpu(kv_heads: int, tensor: int) -> int:
    """At least one: with more ranks than heads each is copied, and saves nothing more."""
    return max(1, kv_heads // tensor)


def padded_vocabulary(size: int, tensor: int = 1) -> int:
    """Rows of the embedding table over all ranks."""
    unit = lcm(VOCABULARY_PADDING, tensor)
    return -(-size // unit) * unit


def stages(layers: int, pipeline: int) -> tuple[range, ...]:
    """The layers of each pipeline stage: even, what is left over to the last stages but the very last."""
    sizes = [layers // pipeline] * pipeline
    for step in range(layers % pipeline):
        sizes[-(step + 2) % pipeline] += 1
    starts = [sum(sizes[:index]) for index in range(pipeline)]
    return tuple(range(start, start + size) for start, size in zip(starts, sizes, strict=True))


def obstacle(model: Architecture, parallelism: Parallelism) -> str:
    """Why vLLM refuses this division; empty where it does not."""
    heads = model.latent.heads if model.latent else (model.attention.heads if model.attention else 0)
    if heads and heads % parallelism.tensor:
        return f"{heads} attention heads do not divide by tensor parallel size {parallelism.tensor}"
    kv_heads = model.attention.kv_heads if model.attention else 0
    if kv_heads and max(kv_heads, parallelism.tensor) % min(kv_heads, parallelism.tensor):
        return f"{kv_heads} KV heads and tensor parallel size {parallelism.tensor} do not divide each other"
    if parallelism.pipeline > len(model.layers):
        return f"{len(model.layers)} layers cannot make {parallelism.pipeline} pipeline stages"
    return ""
