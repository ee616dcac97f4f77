"""Gemma 4: wide heads in the layers that attend to everything, borrowed keys and values, embeddings of every layer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.unit.sizing.models import GIB, card
from vops.sizing.architecture import Architecture, Mixer
from vops.sizing.capacity import Sizing, size
from vops.sizing.families import known_family
from vops.sizing.kv_cache import layout
from vops.sizing.modelconfig import ModelConfig
from vops.sizing.parallelism import Parallelism
from vops.sizing.reading import architecture
from vops.sizing.settings import Asked
from vops.sizing.weights import parameters, weights


def _types(layers: int, every: int) -> list[str]:
    return ["full_attention" if (index + 1) % every == 0 else "sliding_attention" for index in range(layers)]


COMMON: dict[str, Any] = {
    "model_type": "gemma4_text",
    "vocab_size": 262144,
    "head_dim": 256,
    "global_head_dim": 512,
    "max_position_embeddings": 262144,
    "sliding_window": 1024,
}
DENSE = COMMON | {
    "hidden_size": 5376,
    "intermediate_size": 21504,
    "num_hidden_layers": 60,
    "num_attention_heads": 32,
    "num_key_value_heads": 16,
    "num_global_key_value_heads": 4,
    "attention_k_eq_v": True,
    "num_experts": None,
    "layer_types": _types(60, 6),
}
MIXTURE = COMMON | {
    "hidden_size": 2816,
    "intermediate_size": 2112,
    "num_hidden_layers": 30,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "num_global_key_value_heads": 2,
    "attention_k_eq_v": True,
    "num_experts": 128,
    "top_k_experts": 8,
    "moe_intermediate_size": 704,
    "layer_types": _types(30, 6),
}
SMALL = COMMON | {
    "hidden_size": 1536,
    "intermediate_size": 6144,
    "num_hidden_layers": 35,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
    "sliding_window": 512,
    "max_position_embeddings": 131072,
    "hidden_size_per_layer_input": 256,
    "vocab_size_per_layer_input": 262144,
    "num_kv_shared_layers": 20,
    "use_double_wide_mlp": True,
    "layer_types": _types(35, 5),
}
GROUPS_OF_32 = {
    "quant_method": "compressed-tensors",
    "config_groups": {"g": {"weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32}}},
    "ignore": ["lm_head", "re:.*vision.*"],
}
VISION = {
    "model_type": "gemma4_vision",
    "hidden_size": 1152,
    "num_hidden_layers": 27,
    "intermediate_size": 4304,
    "patch_size": 16,
}


def _model(text: dict[str, Any], **beside: Any) -> Architecture:
    config = ModelConfig({"model_type": "gemma4", "text_config": text} | beside, path="gemma-4/config.json")
    assert known_family(config)
    return architecture(config)


def _sized(text: dict[str, Any], **asked: Any) -> Sizing:
    found = _model(text, vision_config=VISION, quantization_config=GROUPS_OF_32)
    return size(found, card("A100-80GB"), Asked(gpu_memory_utilization=0.9, **asked))


@pytest.mark.parametrize(("text", "billions"), [(DENSE, 30.7), (MIXTURE, 25.2), (SMALL, 4.63)])
def test_parameters_are_those_of_the_model_card(text: dict[str, Any], billions: float) -> None:
    assert parameters(_model(text)) / 1e9 == pytest.approx(billions, rel=4e-3)


def test_wide_heads_halve_the_tokens_bytes_and_so_double_the_block() -> None:
    sizing = _sized(DENSE, version=(0, 25, 1))
    blocks = {group.spec.mixer: group.block_size for group in sizing.cache.groups}
    assert blocks == {Mixer.SLIDING: 16, Mixer.FULL: 32}
    assert len(sizing.cache.groups) == 6


@pytest.mark.parametrize(("version", "length", "tokens"), [((0, 20, 0), 131072, 55_000), ((0, 21, 0), 131072, 525_000)])
def test_tokens_as_reported_on_an_a100(version: Any, length: int, tokens: int) -> None:
    """vllm-project/vllm issue 43308: the same pool is counted another way from 0.21 on."""
    assert _sized(DENSE, version=version, max_model_len=length).kv_tokens == pytest.approx(tokens, rel=0.02)


def test_layers_that_borrow_keep_nothing_and_load_no_keys() -> None:
    found = _model(SMALL)
    asked = Asked(version=(0, 25, 1))
    kept = Counter(group.spec.mixer for group in size(found, card("L4"), asked).cache.groups)
    assert sum(layer.borrows for layer in found.layers) == 20
    assert kept == {Mixer.SLIDING: 4, Mixer.FULL: 1}
    owned = _model(SMALL | {"num_kv_shared_layers": 0, "use_double_wide_mlp": False})
    assert {layer.width for layer in found.layers} == {6144, 12288}
    assert {layer.width for layer in owned.layers} == {6144}


def test_few_wide_heads_are_copied_to_every_rank() -> None:
    found = _model(MIXTURE)
    sizing = size(found, card("H100"), Asked(version=(0, 25, 1), parallelism=Parallelism(tensor=4)))
    by_mixer = {group.spec.mixer: group.spec.token_bytes for group in sizing.cache.groups}
    assert by_mixer == {Mixer.SLIDING: 2 * 2 * 256 * 2, Mixer.FULL: 1 * 2 * 512 * 2}
    assert layout(found, sizing.settings).block_bytes == sizing.cache.block_bytes
    quarter = weights(found).gpu_bytes / 4
    assert quarter < weights(found, Parallelism(tensor=4)).gpu_bytes < quarter + GIB
