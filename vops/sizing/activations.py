"""What vLLM's profiling run finds beside the weights: the activation peak, CUDA graphs, and memory outside torch.

The run pushes `max_num_batched_tokens` through the model, then samples for `max_num_seqs` sequences; the larger of
the two peaks counts. The forward peak is modelled from the tensors alive at once in a feed-forward block, the
sampler's from the copies of the logits that each runner makes. Fitted are: HELD_HIDDEN and COMPILED_HIDDEN (hidden
states alive) and `startup_gib` to seven starts of 0.25.1 on an H100, `sampler_bytes` before 0.17 to eight published
ones of 0.11 (llm-d-planner's profile), `graphs_left_gib` to three published ones of 0.19 and 0.22 on an L40S. One
constant each, no term by model; the rest is read from the code.
Sources: vLLM v1/worker/gpu_worker.py `determine_available_memory`, v1/worker/gpu/model_runner.py `profile_run`,
v1/worker/gpu/sample/sampler.py, v1/worker/gpu_model_runner.py `_dummy_sampler_run` and `profile_cudagraph_memory`,
model_executor/layers/attention/mla_attention.py, model_executor/layers/fused_moe/experts/triton_moe.py.
"""

from __future__ import annotations

import msgspec

from vops.sizing.architecture import Architecture, Attention, Latent
from vops.sizing.gpus import GIB
from vops.sizing.settings import Resolved

HELD_HIDDEN = 1.8
COMPILED_HIDDEN = 6.8
EAGER_HIDDEN = 2.2
V2_SAMPLER_BYTES = 6.0
V0_SAMPLER_BYTES = 41.0
LATENT_WORKSPACE_TOKENS = 64 * 1024
NCCL_GIB = 0.42
GRAPH_GIB_PER_LAYER = 0.018
ALL_CAPTURE_SIZES = 51


class Overhead(msgspec.Struct, frozen=True):
    """Bytes on one GPU beside weights and KV cache. `graphs_in_budget` tells whether vLLM subtracts them first."""

    activation_bytes: int
    other_bytes: int
    graph_bytes: int
    graphs_in_budget: bool


def overhead(model: Architecture, settings: Resolved) -> Overhead:
    """What the profiling run would find."""
    in_budget = settings.dialect.v2_graphs_in_budget if settings.v2_runner else settings.dialect.graphs_in_budget
    return Overhead(
        activation_bytes=int(_activation(model, settings)),
        other_bytes=int(_other(settings)),
        graph_bytes=int(_graphs(model, settings)),
        graphs_in_budget=in_budget and not settings.legacy,
    )


def _activation(model: Architecture, settings: Resolved) -> float:
    logits = settings.max_num_seqs * model.vocabulary
    kept = logits * settings.dialect.state_bytes if settings.v2_runner else 0.0
    workspace = _expert_workspace(model, settings)
    sampler = logits * _sampler_bytes(settings) + _hidden(model, settings) * HELD_HIDDEN
    forward = _forward(model, settings)
    if settings.dialect.moe_workspace_kept:
        return kept + workspace + max(sampler, forward)
    return kept + max(sampler, forward + workspace)


def _sampler_bytes(settings: Resolved) -> float:
    if settings.legacy:
        return V0_SAMPLER_BYTES
    return V2_SAMPLER_BYTES if settings.v2_runner else settings.dialect.sampler_bytes


def _hidden(model: Architecture, settings: Resolved) -> int:
    """One hidden-state buffer of a full batch."""
    return settings.max_num_batched_tokens * model.hidden * model.dtype_bytes


def _forward(model: Architecture, settings: Resolved) -> float:
    """The larger of a feed-forward block's and an attention block's live tensors, over the residual stream."""
    tensor, batch = settings.parallelism.tensor, settings.max_num_batched_tokens * model.dtype_bytes
    width = max(model.widest_feed, model.experts.shared if model.experts else 0)
    feed = batch * model.mlp_matrices * width / tensor
    mixing = max(_attention(model, settings), batch * _recurrent_width(model) / tensor)
    stream = EAGER_HIDDEN if settings.eager else COMPILED_HIDDEN
    return _hidden(model, settings) * stream + max(feed, mixing)


def _attention(model: Architecture, settings: Resolved) -> float:
    batch = settings.max_num_batched_tokens * model.dtype_bytes / settings.parallelism.tensor
    if model.latent is not None:
        return batch * _latent_width(model.latent) + _latent_workspace(model, model.latent, settings)
    return batch * _attention_width(model.attention) if model.attention else 0.0


def _attention_width(attention: Attention) -> int:
    return 2 * attention.heads * attention.head_dim + 2 * attention.kv_heads * attention.head_dim


def _latent_width(latent: Latent) -> int:
    return latent.heads * (latent.nope_dim + latent.rope_dim + latent.value_dim)


def _latent_workspace(model: Architecture, latent: Latent, settings: Resolved) -> float:
    """The up-projected context of a chunked prefill, which the profiling run allocates at its largest."""
    pages = 4 * settings.max_num_seqs * settings.block_size
    tokens = min(max(8 * settings.max_model_len, pages), LATENT_WORKSPACE_TOKENS)
    tokens = max(tokens, settings.max_num_seqs * settings.block_size)
    heads = latent.heads // settings.parallelism.tensor
    return tokens * heads * (latent.nope_dim + latent.value_dim) * model.dtype_bytes


def _recurrent_width(model: Architecture) -> int:
    item = model.recurrence
    return 0 if item is None else 4 * item.inner + 4 * item.groups * item.state


def _expert_workspace(model: Architecture, settings: Resolved) -> float:
    """Both intermediate buffers of the fused experts, for every chosen expert of every token."""
    experts = model.experts
    if experts is None:
        return 0.0
    inner = experts.latent or model.hidden
    width = experts.width if settings.parallelism.expert else -(-experts.width // settings.parallelism.tensor)
    chosen = settings.max_num_batched_tokens * experts.active * model.dtype_bytes
    return chosen * (max(width, inner) + max((experts.matrices - 1) * width, inner))


def _other(settings: Resolved) -> float:
    """CUDA modules and cuBLAS workspaces, NCCL's buffers where ranks talk, and what profiled graphs leave behind."""
    ranks = settings.parallelism.tensor * settings.parallelism.pipeline
    left = 0.0 if settings.v2_runner or settings.eager else settings.dialect.graphs_left_gib
    return (settings.dialect.startup_gib + left + (NCCL_GIB if ranks > 1 else 0.0)) * GIB


def _graphs(model: Architecture, settings: Resolved) -> float:
    """Grows with the layers, and less than linearly with the batch sizes that are captured."""
    if settings.eager:
        return 0.0
    largest = min(2 * settings.max_num_seqs, 512, settings.max_num_batched_tokens)
    sizes = 3 + min(largest, 256) // 8 + max(0, largest - 256) // 16
    layers = len(model.layers) / settings.parallelism.pipeline
    return GRAPH_GIB_PER_LAYER * GIB * layers * (0.4 + 0.6 * sizes / ALL_CAPTURE_SIZES)
