"""The tensors of a model by their shapes: every matrix, bias and norm of a layer, the embeddings and the head.

Each knows how tensor parallelism divides it and whether quantization is for it. Sources: vLLM's
model_executor/models/*.py and the modeling files of Transformers.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from vops.sizing.architecture import Architecture, Attention, Experts, Feed, Latent, Layer, Mixer, Recurrence


class Split(StrEnum):
    """How tensor parallelism divides a matrix."""

    COPIED = "copied"
    RANKS = "over the ranks"
    KV_HEADS = "by KV heads"
    EXPERTS = "over the expert ranks"


_QUERY = ("self_attn.q_proj", "self_attn.qkv_proj", "mixer.q_proj")
_KEYS = ("self_attn.k_proj", "self_attn.qkv_proj", "mixer.k_proj")
_OUTPUT = ("self_attn.o_proj", "mixer.o_proj")
_EXPERTS_IN = ("mlp.experts.0.gate_proj", "mlp.experts", "block_sparse_moe.experts.0.w1", "mixer.experts.0.up_proj")
_EXPERTS_OUT = ("mlp.experts.0.down_proj", "mlp.experts", "block_sparse_moe.experts.0.w2", "mixer.experts.0.down_proj")
_DENSE = {
    "mlp": (("mlp.gate_proj", "mlp.gate_up_proj", "mixer.up_proj"), ("mlp.down_proj", "mixer.down_proj")),
    "shared": (
        ("mlp.shared_experts.gate_proj", "mlp.shared_expert.gate_proj", "mixer.shared_experts.up_proj"),
        ("mlp.shared_experts.down_proj", "mlp.shared_expert.down_proj", "mixer.shared_experts.down_proj"),
    ),
}
_MIXER_IN = ("mamba.in_proj", "mixer.in_proj")
_MIXER_OUT = ("mamba.out_proj", "mixer.out_proj")
_DELTA_IN = ("linear_attn.in_proj_qkvz", "linear_attn.in_proj_qkv")


class Matrix(msgspec.Struct, frozen=True):
    """`copies` of one tensor of `rows` outputs × `columns` inputs; `linear` ones are what quantization is for.

    `element_bytes` is 0 for the model's dtype; `parts` are stacked in the rows (gate and up). `heads` are those of a
    split by KV heads. `modules` are the names
    that configurations of quantized checkpoints know a linear one by, below its layer.
    """

    name: str
    rows: int
    columns: int = 1
    copies: int = 1
    split: Split = Split.COPIED
    linear: bool = False
    element_bytes: int = 0
    parts: int = 1
    heads: int = 0
    modules: tuple[str, ...] = ()

    @property
    def elements(self) -> int:
        return self.rows * self.columns * self.copies


def embedding_matrices(model: Architecture) -> Iterator[Matrix]:
    yield Matrix("embedding", model.vocabulary, model.embedding_dim or model.hidden)
    if model.embedding_dim and model.embedding_dim != model.hidden:
        yield Matrix("project", 2 * model.hidden, model.embedding_dim)
    if model.positions:
        yield Matrix("positions", model.positions, model.hidden)
    if model.layer_embedding:
        together = model.layer_embedding * len(model.layers)
        yield Matrix("layer_embedding", model.layer_vocabulary, together, split=Split.RANKS)
        yield Matrix("layer_projection", together, model.hidden + 1, split=Split.RANKS)
    if model.extra:
        yield Matrix("towers", model.extra)


def head_matrices(model: Architecture, *, with_matrix: bool) -> list[Matrix]:
    norm = [Matrix("final_norm", model.hidden * (2 if model.norm_bias else 1))] if model.norms else []
    head = (
        [Matrix("lm_head", model.vocabulary, model.embedding_dim or model.hidden, linear=True)] if with_matrix else []
    )
    return norm + head + ([Matrix("head_bias", model.vocabulary)] if model.head_bias else [])


def layer_matrices(model: Architecture, layer: Layer) -> list[Matrix]:
    """Every tensor of one decoder layer."""
    norms = model.norms if layer.feed is not Feed.NONE or model.norms == 1 else 1
    found = [Matrix("norms", norms * model.hidden * (2 if model.norm_bias else 1))] if norms else []
    if layer.mixer is Mixer.LATENT and model.latent is not None:
        found += _latent(model, model.latent)
    elif layer.mixer.attends:
        found += _attention(model, model.attention_of(layer), borrows=layer.borrows)
    elif layer.mixer.recurrent and model.recurrence is not None:
        found += _recurrent(model, layer.mixer, model.recurrence)
    if model.layer_embedding:
        found += [Matrix("layer_input", 2 * model.hidden, model.layer_embedding), Matrix("layer_norm", model.hidden)]
    if layer.feed is Feed.DENSE:
        found += _dense(model, layer.width)
    elif layer.feed is Feed.EXPERTS and model.experts is not None:
        found += _experts(model, model.experts)
    return found


def _attention(model: Architecture, attention: Attention, *, borrows: bool = False) -> list[Matrix]:
    query = attention.heads * attention.head_dim * (2 if attention.gated else 1)
    keys, values = attention.kv_heads * attention.head_dim, attention.kv_heads * attention.value_dim
    output = attention.heads * attention.value_dim
    found = [Matrix("attention", query, model.hidden, split=Split.RANKS, linear=True, modules=_QUERY)]
    if not borrows:
        found.append(
            Matrix(
                "attention",
                keys + values,
                model.hidden,
                split=Split.KV_HEADS,
                linear=True,
                parts=2,
                heads=attention.kv_heads,
                modules=_KEYS,
            )
        )
    found.append(Matrix("attention", model.hidden, output, split=Split.RANKS, linear=True, modules=_OUTPUT))
    if attention.qkv_bias:
        found.append(Matrix("qkv_bias", query + keys + values, split=Split.RANKS))
    if attention.output_bias:
        found.append(Matrix("output_bias", model.hidden))
    if attention.qk_norm:
        found.append(Matrix("qk_norm", attention.qk_norm))
    if attention.sinks:
        found.append(Matrix("sinks", attention.heads, split=Split.RANKS))
    return found


def _latent(model: Architecture, latent: Latent) -> list[Matrix]:
    """The down-projections are copied to every rank, the up-projections and the output divided."""
    hidden, query = model.hidden, latent.heads * (latent.nope_dim + latent.rope_dim)
    found = [
        Matrix("attention", latent.cached_dim, hidden, linear=True, modules=("self_attn.kv_a_proj_with_mqa",)),
        Matrix("kv_norm", latent.kv_rank),
        Matrix(
            "attention",
            latent.heads * (latent.nope_dim + latent.value_dim),
            latent.kv_rank,
            split=Split.RANKS,
            linear=True,
            modules=("self_attn.kv_b_proj",),
        ),
        Matrix("attention", hidden, latent.heads * latent.value_dim, split=Split.RANKS, linear=True, modules=_OUTPUT),
    ]
    if latent.query_rank:
        found += [
            Matrix("attention", latent.query_rank, hidden, linear=True, modules=("self_attn.q_a_proj",)),
            Matrix("query_norm", latent.query_rank),
            Matrix(
                "attention",
                query,
                latent.query_rank,
                split=Split.RANKS,
                linear=True,
                modules=("self_attn.q_b_proj",),
            ),
        ]
    else:
        found.append(Matrix("attention", query, hidden, split=Split.RANKS, linear=True, modules=_QUERY))
    if latent.index_heads:
        found += [
            Matrix(
                "indexer",
                latent.index_heads * latent.index_dim,
                latent.query_rank,
                linear=True,
                modules=("self_attn.indexer.wq_b",),
            ),
            Matrix("indexer", latent.index_dim, hidden, linear=True, modules=("self_attn.indexer.wk",)),
            Matrix("indexer_weights", latent.index_heads, hidden),
            Matrix("indexer_norm", 2 * latent.index_dim),
        ]
    return found


def _dense(model: Architecture, width: int, name: str = "mlp") -> list[Matrix]:
    stacked = model.mlp_matrices - 1
    into, out = _DENSE[name]
    found = [
        Matrix(name, width * stacked, model.hidden, split=Split.RANKS, linear=True, parts=stacked, modules=into),
        Matrix(name, model.hidden, width, split=Split.RANKS, linear=True, modules=out),
    ]
    if model.mlp_bias:
        found.append(Matrix("mlp_bias", width * stacked + model.hidden))
    return found


def _experts(model: Architecture, experts: Experts) -> list[Matrix]:
    inner = experts.latent or model.hidden
    up = experts.width * (experts.matrices - 1)
    found = [
        Matrix("router", experts.count, model.hidden),
        Matrix(
            "experts",
            up,
            inner,
            copies=experts.count,
            split=Split.EXPERTS,
            linear=True,
            parts=experts.matrices - 1,
            modules=_EXPERTS_IN,
        ),
        Matrix(
            "down",
            inner,
            experts.width,
            copies=experts.count,
            split=Split.EXPERTS,
            linear=True,
            modules=_EXPERTS_OUT,
        ),
    ]
    if experts.latent:
        found.append(
            Matrix("latent", 2 * experts.latent, model.hidden, linear=True, modules=("mixer.fc1_latent_proj",))
        )
    if experts.bias:
        found.append(Matrix("expert_bias", (up + inner) * experts.count, split=Split.EXPERTS))
    if experts.router_bias or experts.correction_bias:
        found.append(Matrix("router_bias", experts.count, element_bytes=4 if experts.correction_bias else 0))
    if experts.shared:
        found += _dense(model, experts.shared, "shared")
    if experts.shared_gate:
        found.append(Matrix("shared_gate", 1, model.hidden))
    return found


def _recurrent(model: Architecture, mixer: Mixer, recurrence: Recurrence) -> list[Matrix]:
    build = {
        Mixer.MAMBA1: _mamba1,
        Mixer.MAMBA2: _mamba2,
        Mixer.DELTA: _delta,
        Mixer.CONVOLUTION: _convolution,
    }[mixer]
    return build(model.hidden, recurrence)


def _mamba1(hidden: int, item: Recurrence) -> list[Matrix]:
    found = [
        Matrix("mixer", 2 * item.inner, hidden, split=Split.RANKS, linear=True, modules=_MIXER_IN),
        Matrix("conv", item.inner, item.convolution + (1 if item.convolution_bias else 0), split=Split.RANKS),
        Matrix(
            "mixer",
            item.step_rank + 2 * item.state,
            item.inner,
            split=Split.RANKS,
            linear=True,
            modules=("mamba.x_proj",),
        ),
        Matrix("dt_proj", item.inner, item.step_rank + 1, split=Split.RANKS),
        Matrix("A", item.inner, item.state, split=Split.RANKS, element_bytes=4),
        Matrix("D", item.inner, split=Split.RANKS),
        Matrix("mixer", hidden, item.inner, split=Split.RANKS, linear=True, modules=_MIXER_OUT),
    ]
    if item.inner_norms:
        found.append(Matrix("inner_norms", item.step_rank + 2 * item.state))
    if item.projection_bias:
        found.append(Matrix("mixer_bias", 2 * item.inner + hidden, split=Split.RANKS))
    return found


def _mamba2(hidden: int, item: Recurrence) -> list[Matrix]:
    convolved = item.inner + 2 * item.groups * item.state
    found = [
        Matrix("mixer", item.inner + convolved + item.heads, hidden, split=Split.RANKS, linear=True, modules=_MIXER_IN),
        Matrix("conv", convolved, item.convolution + (1 if item.convolution_bias else 0), split=Split.RANKS),
        Matrix("A_D_dt", 3 * item.heads, split=Split.RANKS),
        Matrix("gated_norm", item.inner, split=Split.RANKS),
        Matrix("mixer", hidden, item.inner, split=Split.RANKS, linear=True, modules=_MIXER_OUT),
    ]
    if item.projection_bias:
        found.append(Matrix("mixer_bias", item.inner + convolved + item.heads + hidden, split=Split.RANKS))
    return found


def _delta(hidden: int, item: Recurrence) -> list[Matrix]:
    keys = item.groups * item.state
    if item.gate_rank:
        return _kimi_delta(hidden, item)
    return [
        Matrix("mixer", 2 * keys + 2 * item.inner, hidden, split=Split.RANKS, linear=True, modules=_DELTA_IN),
        Matrix("mixer_ba", 2 * item.heads, hidden, split=Split.RANKS),
        Matrix("conv", 2 * keys + item.inner, item.convolution, split=Split.RANKS),
        Matrix("A_dt", 2 * item.heads, split=Split.RANKS),
        Matrix("gated_norm", item.head_dim),
        Matrix("mixer", hidden, item.inner, split=Split.RANKS, linear=True, modules=("linear_attn.out_proj",)),
    ]


def _kimi_delta(hidden: int, item: Recurrence) -> list[Matrix]:
    """Kimi delta attention: forget and output gate of low rank, whose inner half every rank has."""
    projected = 2 * item.groups * item.state + item.inner
    return [
        Matrix("mixer", projected, hidden, split=Split.RANKS, linear=True, modules=_QUERY),
        Matrix("gates_in", 2 * item.gate_rank, hidden),
        Matrix("gates_out", 2 * item.inner, item.gate_rank, split=Split.RANKS),
        Matrix("beta", item.heads, hidden, split=Split.RANKS),
        Matrix("conv", projected, item.convolution, split=Split.RANKS),
        Matrix("A_dt", item.heads + item.inner, split=Split.RANKS, element_bytes=4),
        Matrix("gated_norm", item.head_dim),
        Matrix("mixer", hidden, item.inner, split=Split.RANKS, linear=True, modules=_OUTPUT),
    ]


def _convolution(hidden: int, item: Recurrence) -> list[Matrix]:
    return [
        Matrix("mixer", 3 * item.inner, hidden, split=Split.RANKS, linear=True, modules=("conv.in_proj",)),
        Matrix("conv", item.inner, item.convolution, split=Split.RANKS),
        Matrix("mixer", hidden, item.inner, split=Split.RANKS, linear=True, modules=("conv.out_proj",)),
    ]
