"""What a model's weights take on a GPU, by the shape of every tensor.

vops.sizing.matrices lists the tensors; here they are divided over ranks, quantized and summed. What vLLM logs as
`Model loading took` also holds the rotary tables, and the latent attention's up-projection in the model's dtype where
it is quantized; both are here. Source: vLLM's layers/attention/mla_attention.py `process_weights_after_loading`.
Checked against published parameter counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from vops.sizing.architecture import Architecture, Feed, Mixer
from vops.sizing.matrices import Matrix, Split, embedding_matrices, head_matrices, layer_matrices
from vops.sizing.parallelism import Parallelism, kv_heads_per_gpu, padded_vocabulary, stages
from vops.sizing.quantization import Quantization
from vops.sizing.skipping import left_alone

ALONE = Parallelism()
OUTSIDE = -1


class Weights(msgspec.Struct, frozen=True):
    """Bytes of weights: of the whole model once, and of one GPU."""

    total_bytes: int
    gpu_bytes: int
    elements: int


def weights(
    model: Architecture,
    parallelism: Parallelism = ALONE,
    quantization: Quantization | None = None,
    stage: int | None = None,
) -> Weights:
    """Weights by shape, on a GPU of pipeline stage `stage` or the fullest; `quantization` overrides the model's own."""
    scheme = model.quantization if quantization is None else quantization
    total = sum(_bytes(matrix, model, ALONE, scheme, layer) for layer, matrix in _all(model))
    wanted = range(parallelism.pipeline) if stage is None else (stage,)
    per_gpu = max(_stage_bytes(model, parallelism, scheme, index) for index in wanted)
    return Weights(total_bytes=int(total), gpu_bytes=int(per_gpu), elements=parameters(model))


def parameters(model: Architecture) -> int:
    """The parameter count that a model card gives: no padding, tied embeddings once."""
    return sum(matrix.elements for _, matrix in _all(model))


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
    size = sum(_bytes(matrix, model, parallelism, scheme, len(model.layers)) for matrix in layer)
    return int(model.draft_layers * size)


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


def _all(model: Architecture) -> Iterator[tuple[int, Matrix]]:
    """Every tensor with the index of its layer, OUTSIDE for the embeddings and the head."""
    yield from ((OUTSIDE, matrix) for matrix in embedding_matrices(model))
    for index, layer in enumerate(model.layers):
        yield from ((index, matrix) for matrix in layer_matrices(model, layer))
    yield from ((OUTSIDE, matrix) for matrix in head_matrices(model, with_matrix=not model.tied))


def _stage_bytes(model: Architecture, parallelism: Parallelism, scheme: Quantization, index: int) -> float:
    """One pipeline stage; the first has the embeddings, the last the head (both of them when they are tied)."""
    first, last = index == 0, index == parallelism.pipeline - 1
    held = [(OUTSIDE, matrix) for matrix in embedding_matrices(model)] if first else []
    for at in stages(len(model.layers), parallelism.pipeline)[index]:
        held += [(at, matrix) for matrix in layer_matrices(model, model.layers[at])]
    if last:
        held += [(OUTSIDE, matrix) for matrix in head_matrices(model, with_matrix=not (model.tied and first))]
    size = sum(_bytes(matrix, model, parallelism, scheme, layer) for layer, matrix in held)
    return size + _rotary_table(model) + _kept_latent(model, parallelism, scheme)


def _rotary_table(model: Architecture) -> int:
    """Cosines and sines of every position, shared by the layers (layers/rotary_embedding `cos_sin_cache`)."""
    return model.rotary_dim * model.rotary_rows * model.dtype_bytes


def _kept_latent(model: Architecture, parallelism: Parallelism, scheme: Quantization) -> int:
    """The absorbed up-projections: views of an unquantized matrix, copies in the model's dtype of a quantized one."""
    latent = model.latent
    if latent is None or not scheme.active or scheme.experts_only:
        return 0
    layers = -(-sum(layer.mixer is Mixer.LATENT for layer in model.layers) // parallelism.pipeline)
    each = latent.heads // parallelism.tensor * (latent.nope_dim + latent.value_dim) * latent.kv_rank
    return layers * each * model.dtype_bytes


def _bytes(
    matrix: Matrix, model: Architecture, parallelism: Parallelism, scheme: Quantization, layer: int = OUTSIDE
) -> float:
    size = _stored(matrix, model, parallelism, scheme, layer)
    return size * _share(matrix, model, parallelism)


def _stored(matrix: Matrix, model: Architecture, parallelism: Parallelism, scheme: Quantization, layer: int) -> float:
    touched = matrix.linear and scheme.active and not _left_alone(matrix, scheme, layer)
    if not touched:
        return matrix.elements * (matrix.element_bytes or model.dtype_bytes)
    rows, columns = matrix.rows, matrix.columns
    if scheme.padded and matrix.split is Split.EXPERTS:
        unit = scheme.padded * (1 if parallelism.expert else parallelism.expert_ranks)
        hidden = scheme.padded_hidden or 1
        if matrix.name == "down":
            rows, columns = _rounded(rows, hidden), _rounded(columns, unit)
        else:
            rows, columns = matrix.parts * _rounded(rows // matrix.parts, unit), _rounded(columns, hidden)
    return matrix.copies * scheme.bytes_of(rows, columns)


def _rounded(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def _left_alone(matrix: Matrix, scheme: Quantization, layer: int) -> bool:
    if matrix.name == "lm_head":
        return not scheme.includes_head
    if scheme.experts_only:
        return matrix.split is not Split.EXPERTS
    if matrix.name == "router":
        return True
    return bool(scheme.skipped) and left_alone(scheme.skipped, matrix.modules, layer)


def _share(matrix: Matrix, model: Architecture, parallelism: Parallelism) -> float:
    tensor = parallelism.tensor
    match matrix.split:
        case Split.RANKS:
            return 1 / tensor
        case Split.EXPERTS:
            return 1 / parallelism.expert_ranks
        case Split.KV_HEADS:
            return kv_heads_per_gpu(matrix.heads, tensor) / matrix.heads
        case Split.COPIED:
            return (
                padded_vocabulary(model.vocabulary, tensor) / model.vocabulary / tensor if matrix.name in _TABLES else 1
            )


_TABLES = ("embedding", "lm_head")
