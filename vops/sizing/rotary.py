"""Rotary positions of a configuration: the longest context after scaling, and the rows of the tables it needs."""

from __future__ import annotations

from vops.sizing.modelconfig import ModelConfig

MOST_SCALING = 10_000


def scaled_length(text: ModelConfig, model_type: str, length: int) -> int:
    """The longest context: YaRN and linear scaling multiply the original length (vLLM `_get_and_verify_max_len`).

    Gemma 3 gives its length scaled.
    """
    scaling = _scaling(text)
    if scaling is None or scaling.word("rope_type", "type") not in ("linear", "dynamic", "yarn"):
        return length
    if model_type.startswith("gemma3"):
        return length
    original = scaling.optional("original_max_position_embeddings")
    return max(length, int((original or length) * _factor(scaling)))


def rotary_rows(text: ModelConfig, model_type: str, length: int) -> int:
    """Rows of the tables of cosines and sines; linear scaling makes `factor` times as many of the given length.

    Gemma 3 has a second table, unscaled, for its local layers, Gemma 4 one for its wide heads. Source: vLLM
    layers/rotary_embedding.
    """
    scaling = _scaling(text)
    rows = scaled_length(text, model_type, length)
    if scaling is not None and scaling.word("rope_type", "type") == "linear":
        rows = int(length * _factor(scaling))
    if model_type.startswith("gemma4"):
        return rows + rows * text.extent("global_head_dim", default=512) // text.extent("head_dim", default=256)
    return rows + (length if model_type.startswith("gemma3") else 0)


def _scaling(text: ModelConfig) -> ModelConfig | None:
    """`rope_scaling`, or `rope_parameters` of newer configurations, which may be given by kind of layer."""
    found = text.part("rope_scaling") or text.part("rope_parameters")
    return None if found is None else found.part("full_attention") or found


def _factor(scaling: ModelConfig) -> float:
    factor = scaling.values.get("factor", 1.0)
    return float(factor) if isinstance(factor, int | float) and 0 < factor < MOST_SCALING else 1.0
