"""What a model's weights take on a GPU, by the shape of every tensor.

A layer is a list of Matrix; each knows how tensor parallelism divides it and whether quantization touches it. What
vLLM logs as `Model loading took` also holds the rotary tables and the latent attention's up-projection in the
model's dtype, where it is quantized; both are here. Sources: vLLM's model_executor/models/*.py and
layers/attention/mla_attention.py `process_weights_after_loading`. Checked against published parameter counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from vops.sizing.architecture import Architecture, Attention, Experts, Feed, Latent, Layer, Mixer, Recurrence
from vops.sizing.parallelism import Parallelism, kv_heads_per_gpu, padded_vocabulary, stages
from vops.sizing.quantization import Quantization

ALONE = Parallelism()


class Split(StrEnum):
    """How tensor parallelism divides a matrix."""

    COPIED = "copied"
    RANKS = "over the ranks"
    KV_HEADS = "by KV heads"
    EXPERTS = "over the expert ranks"


class Matrix(msgspec.Struct, frozen=True):
    """`copies` of one tensor of `rows` outputs × `columns` inputs; `linear` ones are what quantization is for.

    `element_bytes` is 0 for the model's dtype; `parts` are stacked in the rows (gate and up).
    """

    name: str
    rows: int
    columns: int = 1
    copies: int = 1
    split: Split = Split.COPIED
    linear: bool = False
    element_bytes: int = 0
    parts: int = 1

    @property
    def elements(self) -> int:
        return self.rows * self.columns * self.copies


class Weights(msgspec.Struct, frozen=True):
    """Bytes of weights: of the whole model once, and of the fullest GPU."""

    total_bytes: int
    gpu_bytes: int
    elements: int


def weights(model: Architecture, parallelism: Parallelism = ALONE, quantization: Quantization | None = None) -> Weights:
    """Weights by shape; `quantization` overrides the model's own."""
    scheme = model.quantization if quantization is None else quantization
    total = sum(_bytes(matrix, model, ALONE, scheme) for matrix in _all(model))
    per_gpu = max(_stage_bytes(model, parallelism, scheme, index) for index in range(parallelism.pipeline))
    return Weights(total_bytes=int(total), gpu_bytes=int(per_gpu), elements=parameters(model))


def parameters(model: Architecture) -> int:
    """The parameter count that a model card gives: no padding, tied embeddings once."""
    return sum(matrix.elements for matrix in _all(model))


def active_parameters(model: Architecture) -> int:
    """Parameters that one token passes through: the routed experts that are not chosen are left out."""
    experts = model.experts
    if experts is None:
        return parameters(model)
    layers = sum(layer.feed is Feed.EXPERTS for layer in model.layers)
    unused = layers * (experts.count - experts.active) * experts.matrices * experts.width
    return parameters(model) - unused * (experts.latent or model.hidden)


def draft_bytes(model: Architecture, parallelism: Parallelism, scheme: Quantization | None = None) -> int:
    """A model's own multi-token-prediction layers on a GPU (`--speculative-config '{"method": "mtp"}'`)."""
    scheme = model.quantization if scheme is None else scheme
    joint = Matrix("eh_proj", model.hidden, 2 * model.hidden, linear=True)
    layer = [*layer_matrices(model, model.layers[-1]), joint, Matrix("mtp_norms", 3 * model.hidden)]
    return int(model.draft_layers * sum(_bytes(matrix, model, parallelism, scheme) for matrix in layer))


def drafter_bytes(draft: Architecture, parallelism: Parallelism, method: str) -> int:
    """A separate draft model on a GPU. EAGLE's brings its layers, a joint projection and, in EAGLE-3, a small head;
    embeddings are the target's (v1/spec_decode/eagle.py `load_model`).
    """
    if not method.startswith("eagle"):
        return weights(draft, parallelism).gpu_bytes
    inputs = 3 if method == "eagle3" else 2
    held = [Matrix("fc", draft.hidden, inputs * draft.hidden)]
    held += [matrix for layer in draft.layers for matrix in layer_matrices(draft, layer)]
    if draft.draft_vocabulary:
        held.append(Matrix("draft_head", draft.draft_vocabulary, draft.hidden, split=Split.RANKS))
    return int(sum(_bytes(matrix, draft, parallelism, draft.quantization) for matrix in held))


def adapter_bytes(model: Architecture, parallelism: Parallelism, rank: int, slots: int) -> int:
    """`--enable-lora`: for each of `slots`, both factors of every linear layer, the input's one on every rank.

    Source: vLLM lora/layers (`lora_a_stacked`, `lora_b_stacked`).
    """
    size = 0
    for layer in model.layers:
        for matrix in layer_matrices(model, layer):
            if matrix.linear and matrix.split is not Split.EXPERTS:
                divided = parallelism.tensor if matrix.split is Split.RANKS else 1
                size += matrix.copies * rank * (matrix.parts * matrix.columns + matrix.rows // divided)
    return slots * size * model.dtype_bytes


def _all(model: Architecture) -> Iterator[Matrix]:
    yield from _embedding(model)
    for layer in model.layers:
        yield from layer_matrices(model, layer)
    yield from _head(model, with_matrix=not model.tied)


def _stage_bytes(model: Architecture, parallelism: Parallelism, scheme: Quantization, index: int) -> float:
    """One pipeline stage; the first has the embeddings, the last the head (both of them when they are tied)."""
    first, last = index == 0, index == parallelism.pipeline - 1
    held: list[Matrix] = list(_embedding(model)) if first else []
    for at in stages(len(model.layers), parallelism.pipeline)[index]:
        held += layer_matrices(model, model.layers[at])
    if last:
        held += _head(model, with_matrix=not (model.tied and first))
    size = sum(_bytes(matrix, model, parallelism, scheme) for matrix in held)
    return size + _rotary_table(model) + _kept_latent(model, parallelism, scheme)


def _rotary_table(model: Architecture) -> int:
    """Cosines and sines of every position, shared by the layers (layers/rotary_embedding `cos_sin_cache`)."""
    return model.rotary_dim * model.max_length * model.dtype_bytes if model.rotary_dim else 0


def _kept_latent(model: Architecture, parallelism: Parallelism, scheme: Quantization) -> int:
    """The absorbed up-projections: views of an unquantized matrix, copies in the model's dtype of a quantized one."""
    latent = model.latent
    if latent is None or not scheme.active or scheme.experts_only:
        return 0
    layers = -(-len(model.layers) // parallelism.pipeline)
    each = latent.heads // parallelism.tensor * (latent.nope_dim + latent.value_dim) * latent.kv_rank
    return layers * each * model.dtype_bytes


def _bytes(matrix: Matrix, model: Architecture, parallelism: Parallelism, scheme: Quantization) -> float:
    size = _stored(matrix, model, parallelism, scheme)
    return size * _share(matrix, model, parallelism)


def _stored(matrix: Matrix, model: Architecture, parallelism: Parallelism, scheme: Quantization) -> float:
    touched = matrix.linear and scheme.active and not _left_alone(matrix, scheme)
    if not touched:
        return matrix.elements * (matrix.element_bytes or model.dtype_bytes)
    rows, columns = matrix.rows, matrix.columns
    if scheme.padded and matrix.split is Split.EXPERTS:
        unit = scheme.padded * (1 if parallelism.expert else parallelism.expert_ranks)
        if matrix.name == "down":
            columns = _rounded(columns, unit)
        else:
            rows = matrix.parts * _rounded(rows // matrix.parts, unit)
    return matrix.copies * scheme.bytes_of(rows, columns)


def _rounded(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def _left_alone(matrix: Matrix, scheme: Quantization) -> bool:
    if matrix.name == "lm_head":
        return not scheme.includes_head
    if scheme.experts_only:
        return matrix.split is not Split.EXPERTS
    if matrix.name == "router":
        return True
    return any(_skips(pattern, matrix) for pattern in scheme.skipped)


def _skips(pattern: str, matrix: Matrix) -> bool:
    """Whole parts only (`self_attn`, `re:.*self_attn.*`, `mlp.gate`), not the exceptions of single layers."""
    if any(character.isdigit() for character in pattern.replace("layers.0", "")):
        return False
    part = {"attention": "self_attn", "shared": "shared_expert", "mixer": "mamba"}.get(matrix.name, matrix.name)
    return part in pattern


def _share(matrix: Matrix, model: Architecture, parallelism: Parallelism) -> float:
    tensor = parallelism.tensor
    match matrix.split:
        case Split.RANKS:
            return 1 / tensor
        case Split.EXPERTS:
            return 1 / parallelism.expert_ranks
        case Split.KV_HEADS:
            heads = model.attention.kv_heads if model.attention else 1
            return kv_heads_per_gpu(heads, tensor) / heads
        case Split.COPIED:
            return (
                padded_vocabulary(model.vocabulary, tensor) / model.vocabulary / tensor if matrix.name in _TABLES else 1
            )


_TABLES = ("embedding", "lm_head")


def _embedding(model: Architecture) -> Iterator[Matrix]:
    yield Matrix("embedding", model.vocabulary, model.embedding_dim or model.hidden)
    if model.embedding_dim and model.embedding_dim != model.hidden:
        yield Matrix("project", 2 * model.hidden, model.embedding_dim)
    if model.positions:
        yield Matrix("positions", model.positions, model.hidden)
    if model.extra:
        yield Matrix("towers", model.extra)


def _head(model: Architecture, *, with_matrix: bool) -> list[Matrix]:
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
        found += _attention(model, model.attention_of(layer))
    elif layer.mixer.recurrent and model.recurrence is not None:
        found += _recurrent(model, layer.mixer, model.recurrence)
    if layer.feed is Feed.DENSE:
        found += _dense(model, layer.width)
    elif layer.feed is Feed.EXPERTS and model.experts is not None:
        found += _experts(model, model.experts)
    return found


def _attention(model: Architecture, attention: Attention) -> list[Matrix]:
    query = attention.heads * attention.head_dim * (2 if attention.gated else 1)
    keys, values = attention.kv_heads * attention.head_dim, attention.kv_heads * attention.value_dim
    output = attention.heads * attention.value_dim
    found = [
        Matrix("attention", query, model.hidden, split=Split.RANKS, linear=True),
        Matrix("attention", keys + values, model.hidden, split=Split.KV_HEADS, linear=True, parts=2),
        Matrix("attention", model.hidden, output, split=Split.RANKS, linear=True),
    ]
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
        Matrix("attention", latent.cached_dim, hidden, linear=True),
        Matrix("kv_norm", latent.kv_rank),
        Matrix(
            "attention",
            latent.heads * (latent.nope_dim + latent.value_dim),
            latent.kv_rank,
            split=Split.RANKS,
            linear=True,
        ),
        Matrix("attention", hidden, latent.heads * latent.value_dim, split=Split.RANKS, linear=True),
    ]
    if latent.query_rank:
        found += [
            Matrix("attention", latent.query_rank, hidden, linear=True),
            Matrix("query_norm", latent.query_rank),
            Matrix("attention", query, latent.query_rank, split=Split.RANKS, linear=True),
        ]
    else:
        found.append(Matrix("attention", query, hidden, split=Split.RANKS, linear=True))
    if latent.index_heads:
        found += [
            Matrix("indexer", latent.index_heads * latent.index_dim, latent.query_rank, linear=True),
            Matrix("indexer", latent.index_dim, hidden, linear=True),
            Matrix("indexer_weights", latent.index_heads, hidden),
            Matrix("indexer_norm", 2 * latent.index_dim),
        ]
    return found


def _dense(model: Architecture, width: int, name: str = "mlp") -> list[Matrix]:
    stacked = model.mlp_matrices - 1
    found = [
        Matrix(name, width * stacked, model.hidden, split=Split.RANKS, linear=True, parts=stacked),
        Matrix(name, model.hidden, width, split=Split.RANKS, linear=True),
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
        ),
        Matrix("down", inner, experts.width, copies=experts.count, split=Split.EXPERTS, linear=True),
    ]
    if experts.latent:
        found.append(Matrix("latent", 2 * experts.latent, model.hidden, linear=True))
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
        Matrix("mixer", 2 * item.inner, hidden, split=Split.RANKS, linear=True),
        Matrix("conv", item.inner, item.convolution + (1 if item.convolution_bias else 0), split=Split.RANKS),
        Matrix("mixer", item.step_rank + 2 * item.state, item.inner, split=Split.RANKS, linear=True),
        Matrix("dt_proj", item.inner, item.step_rank + 1, split=Split.RANKS),
        Matrix("A", item.inner, item.state, split=Split.RANKS, element_bytes=4),
        Matrix("D", item.inner, split=Split.RANKS),
        Matrix("mixer", hidden, item.inner, split=Split.RANKS, linear=True),
    ]
    if item.inner_norms:
        found.append(Matrix("inner_norms", item.step_rank + 2 * item.state))
    if item.projection_bias:
        found.append(Matrix("mixer_bias", 2 * item.inner + hidden, split=Split.RANKS))
    return found


def _mamba2(hidden: int, item: Recurrence) -> list[Matrix]:
    convolved = item.inner + 2 * item.groups * item.state
    found = [
        Matrix("mixer", item.inner + convolved + item.heads, hidden, split=Split.RANKS, linear=True),
        Matrix("conv", convolved, item.convolution + (1 if item.convolution_bias else 0), split=Split.RANKS),
        Matrix("A_D_dt", 3 * item.heads, split=Split.RANKS),
        Matrix("gated_norm", item.inner, split=Split.RANKS),
        Matrix("mixer", hidden, item.inner, split=Split.RANKS, linear=True),
    ]
    if item.projection_bias:
        found.append(Matrix("mixer_bias", item.inner + convolved + item.heads + hidden, split=Split.RANKS))
    return found


def _delta(hidden: int, item: Recurrence) -> list[Matrix]:
    keys = item.groups * item.state
    return [
        Matrix("mixer", 2 * keys + 2 * item.inner, hidden, split=Split.RANKS, linear=True),
        Matrix("mixer_ba", 2 * item.heads, hidden, split=Split.RANKS),
        Matrix("conv", 2 * keys + item.inner, item.convolution, split=Split.RANKS),
        Matrix("A_dt", 2 * item.heads, split=Split.RANKS),
        Matrix("gated_norm", item.head_dim),
        Matrix("mixer", hidden, item.inner, split=Split.RANKS, linear=True),
    ]


def _convolution(hidden: int, item: Recurrence) -> list[Matrix]:
    return [
        Matrix("mixer", 3 * item.inner, hidden, split=Split.RANKS, linear=True),
        Matrix("conv", item.inner, item.convolution, split=Split.RANKS),
        Matrix("mixer", hidden, item.inner, split=Split.RANKS, linear=True),
    ]
