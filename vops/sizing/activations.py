"""What vLLM's profiling run finds beside the weights: the activation peak, CUDA graphs, and memory outside torch.

The run pushes `max_num_batched_tokens` through the model, then (on the last pipeline stage) samples for
`max_num_seqs` sequences; the larger of the two peaks counts. The forward peak is modelled from the tensors alive at
once in a feed-forward block, the sampler's from the copies of the logits that each runner makes. Fitted to logged
starts are: hidden states alive (HELD_HIDDEN, V2_HIDDEN, V1_HIDDEN), `startup_gib`, `sampler_bytes`, buffers of
collectives and the memory of captured graphs: seven starts of 0.25.1 (V2), 47 of 0.19 (V1) and eight of 0.11, all on
H100s. Constants of the engine, no term by model; the rest is read from the code.
Sources: vLLM v1/worker/gpu_worker.py `determine_available_memory`, v1/worker/gpu/model_runner.py `profile_run`,
v1/worker/gpu/sample/sampler.py, v1/worker/gpu_model_runner.py `_dummy_sampler_run` and `profile_cudagraph_memory`,
model_executor/layers/attention/mla_attention.py, model_executor/layers/fused_moe/experts/triton_moe.py.
"""

from __future__ import annotations

import msgspec

from vops.sizing.architecture import Architecture, Attention, Feed, Latent, Layer, Mixer
from vops.sizing.gpus import GIB, Card
from vops.sizing.parallelism import stages
from vops.sizing.settings import HOPPER, Resolved

HELD_HIDDEN = 1.8
V2_HIDDEN = 6.8
V1_HIDDEN = 4.2
STAGE_HIDDEN = 2.8
"""Hidden states that one pipeline stage hands to the next."""
EAGER_HIDDEN = 2.2
V2_SAMPLER_BYTES = 6.0
V0_SAMPLER_BYTES = 41.0
LATENT_WORKSPACE_TOKENS = 64 * 1024
NCCL_GIB = 0.42
SHARED_GIB = 1.4
NVSWITCH_GBS = 900
GRAPH_GIB = 0.00022
"""One layer of attention and a plain feed-forward in one captured graph."""
LATENT_LAUNCHES, RECURRENT_LAUNCHES = 2.1, 1.7
EXPERT_LAUNCHES, SHARED_EXPERT_LAUNCHES = 1.4, 2.5
"""Kernels that a part of a layer launches, of those that attention or a plain feed-forward does."""
MIXTURE_CAPTURES = {"GptOssForCausalLM": 1024}
"""The largest batch that is captured, where a model has its own (models/config.py `GptOssForCausalLMConfig`)."""


class Overhead(msgspec.Struct, frozen=True):
    """Bytes on one GPU beside weights and KV cache. `graphs_in_budget` tells whether vLLM subtracts them first."""

    activation_bytes: int
    other_bytes: int
    graph_bytes: int
    graphs_in_budget: bool


def overhead(model: Architecture, card: Card, settings: Resolved, stage: int | None = None) -> Overhead:
    """What the profiling run would find on a GPU of pipeline stage `stage`, the last one if not given."""
    in_budget = settings.dialect.v2_graphs_in_budget if settings.v2_runner else settings.dialect.graphs_in_budget
    last = settings.parallelism.pipeline - 1
    at = last if stage is None else stage
    return Overhead(
        activation_bytes=int(_activation(model, settings, samples=at == last, fused=_fuses_experts(model, card))),
        other_bytes=int(_other(card, settings)),
        graph_bytes=int(_graphs(model, settings, at)),
        graphs_in_budget=in_budget and not settings.legacy,
    )


def _activation(model: Architecture, settings: Resolved, *, samples: bool, fused: bool) -> float:
    """The larger of the encoder's peak and the language model's over what the encoder made."""
    encoded = model.encoder_tokens * model.hidden * model.dtype_bytes
    language = _language(model, settings, samples=samples, fused=fused)
    return max(model.encoder_peak * model.dtype_bytes + encoded, language + encoded)


def _language(model: Architecture, settings: Resolved, *, samples: bool, fused: bool) -> float:
    logits = settings.max_num_seqs * model.vocabulary if samples else 0
    kept = logits * settings.dialect.state_bytes if settings.v2_runner else 0.0
    workspace = 0.0 if fused else _expert_workspace(model, settings)
    sampler = logits * _sampler_bytes(settings) + _hidden(model, settings) * HELD_HIDDEN
    forward = _forward(model, settings)
    if settings.dialect.moe_workspace_kept:
        return kept + workspace + max(sampler, forward)
    return kept + max(sampler, forward + workspace)


def _fuses_experts(model: Architecture, card: Card) -> bool:
    """Triton's MXFP4 experts, which Hopper runs, keep no workspace of vLLM's (fused_moe/oracle/mxfp4.py)."""
    return model.quantization.name == "mxfp4" and card.capability[0] == HOPPER


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
    return _hidden(model, settings) * _stream(settings) + max(feed, mixing)


def _stream(settings: Resolved) -> float:
    """Hidden states alive beside a block's own tensors."""
    compiled = V2_HIDDEN if settings.v2_runner else V1_HIDDEN
    handed = STAGE_HIDDEN if settings.parallelism.pipeline > 1 else 0.0
    return (EAGER_HIDDEN if settings.eager else compiled) + handed


def _attention(model: Architecture, settings: Resolved) -> float:
    batch = settings.max_num_batched_tokens * model.dtype_bytes / settings.parallelism.tensor
    if model.latent is not None:
        return batch * _latent_width(model.latent) + _latent_workspace(model, model.latent, settings)
    kinds = {layer.attention for layer in model.layers} | {model.attention}
    return batch * max((_attention_width(kind) for kind in kinds if kind is not None), default=0)


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
    """Both intermediate buffers of the fused experts, for every chosen expert of every token.

    Data parallel ranks gather each other's tokens, which then go through in chunks. Source: vLLM fused_moe.py
    (`intermediate_cache13`, `intermediate_cache2`), from 0.14 modular_kernel.py (`workspace13`, `workspace2`).
    """
    experts = model.experts
    if experts is None:
        return 0.0
    inner = experts.latent or model.hidden
    width = experts.width if settings.parallelism.expert else -(-experts.width // settings.parallelism.tensor)
    gathered = settings.max_num_batched_tokens * settings.parallelism.data
    tokens = min(gathered, max(settings.dialect.expert_chunk, settings.max_num_batched_tokens))
    chosen = tokens * experts.active * model.dtype_bytes
    second = max(width, inner) if settings.dialect.moe_workspace_kept else width
    handed = gathered * inner * model.dtype_bytes if settings.parallelism.data > 1 else 0
    return chosen * (second + max((experts.matrices - 1) * width, inner)) + handed


def _other(card: Card, settings: Resolved) -> float:
    """CUDA modules and cuBLAS workspaces, and the buffers of collectives; more of them behind NVSwitches."""
    ranks = settings.parallelism.tensor
    switched = card.capability[0] >= HOPPER and card.nvlink_gbs >= NVSWITCH_GBS
    shared = SHARED_GIB if switched and ranks >= settings.dialect.shared_ranks else 0.0
    return (settings.dialect.startup_gib + (NCCL_GIB + shared if ranks > 1 else 0.0)) * GIB


def _graphs(model: Architecture, settings: Resolved, stage: int) -> float:
    """Every captured graph keeps the launches of every layer; largest sizes first, so buffers are shared."""
    if settings.eager:
        return 0.0
    at = stages(len(model.layers), settings.parallelism.pipeline)[stage]
    return GRAPH_GIB * GIB * _captured(model, settings) * sum(_launches(model, model.layers[index]) for index in at)


def _captured(model: Architecture, settings: Resolved) -> int:
    """Piecewise graphs to twice the sequences and whole ones to decode (config/vllm.py `_set_cudagraph_sizes`)."""
    asked = MIXTURE_CAPTURES.get(model.name, min(2 * settings.max_num_seqs, 512))
    largest = min(asked, settings.max_num_batched_tokens)
    return _sizes(largest) + _sizes(min(largest, settings.max_num_seqs))


def _sizes(largest: int) -> int:
    """1, 2, 4, then every 8 to 256, then every 16."""
    return sum(size <= largest for size in (1, 2, 4)) + min(largest, 256) // 8 + max(0, largest - 256) // 16


def _launches(model: Architecture, layer: Layer) -> float:
    if layer.mixer.recurrent:
        mixing = RECURRENT_LAUNCHES
    else:
        mixing = LATENT_LAUNCHES if layer.mixer is Mixer.LATENT else float(layer.mixer is not Mixer.NONE)
    shared = model.experts is not None and model.experts.shared
    experts = SHARED_EXPERT_LAUNCHES if shared else EXPERT_LAUNCHES
    return (mixing + {Feed.EXPERTS: experts, Feed.DENSE: 1.0, Feed.NONE: 0.0}[layer.feed]) / 2
