"""Kimi Linear, whose delta attention stands beside latent attention, and MiniMax M2."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.unit.sizing.models import card
from vops.sizing.architecture import Architecture, Mixer
from vops.sizing.capacity import size
from vops.sizing.families import known_family
from vops.sizing.modelconfig import ModelConfig
from vops.sizing.parallelism import Parallelism
from vops.sizing.reading import architecture
from vops.sizing.settings import Asked
from vops.sizing.weights import parameters

LATENT_LAYERS = (4, 8, 12, 16, 20, 24, 27)
KIMI_LINEAR: dict[str, Any] = {
    "model_type": "kimi_linear",
    "hidden_size": 2304,
    "num_hidden_layers": 27,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "intermediate_size": 9216,
    "moe_intermediate_size": 1024,
    "num_experts": 256,
    "num_experts_per_token": 8,
    "num_shared_experts": 1,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "kv_lora_rank": 512,
    "q_lora_rank": None,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "mla_use_nope": True,
    "vocab_size": 163840,
    "model_max_length": 1048576,
    "linear_attn_config": {
        "full_attn_layers": list(LATENT_LAYERS),
        "kda_layers": [index for index in range(1, 28) if index not in LATENT_LAYERS],
        "head_dim": 128,
        "num_heads": 32,
        "short_conv_kernel_size": 4,
    },
}
MINIMAX_M2: dict[str, Any] = {
    "model_type": "minimax_m2",
    "hidden_size": 3072,
    "num_hidden_layers": 62,
    "num_attention_heads": 48,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 1536,
    "num_local_experts": 256,
    "num_experts_per_tok": 8,
    "vocab_size": 200064,
    "max_position_embeddings": 204800,
    "use_qk_norm": True,
}


def _model(values: dict[str, Any]) -> Architecture:
    config = ModelConfig(values, path="config.json")
    assert known_family(config)
    return architecture(config)


@pytest.mark.parametrize(("values", "billions"), [(KIMI_LINEAR, 49), (MINIMAX_M2, 229)])
def test_parameters_are_about_those_of_the_model_card(values: dict[str, Any], billions: float) -> None:
    assert parameters(_model(values)) / 1e9 == pytest.approx(billions, rel=3e-3)


def test_kimi_linear_counts_its_layers_from_one() -> None:
    found = _model(KIMI_LINEAR)
    assert Counter(layer.mixer for layer in found.layers) == {Mixer.DELTA: 20, Mixer.LATENT: 7}
    assert [index + 1 for index, layer in enumerate(found.layers) if layer.mixer is Mixer.LATENT] == [*LATENT_LAYERS]
    assert found.max_length == 1048576
    assert found.rotary_dim == 0


@pytest.mark.parametrize("version", [(0, 11, 1), (0, 25, 1)])
def test_latent_attention_beside_states_takes_blocks_of_64_tokens(version: Any) -> None:
    """vllm-project/vllm issue 28228: two RTX 3090, one padding layer among three groups of states."""
    asked = Asked(
        version=version, parallelism=Parallelism(tensor=2), max_model_len=120000, max_num_seqs=8, prefix_caching=False
    )
    found = size(_model(KIMI_LINEAR), card("RTX-3090"), asked)
    assert [(group.block_size, group.layers) for group in found.cache.groups] == [(960, 7)] * 4
    cache = int(2.30 * 2**30)
    assert found.cache.blocks(cache) // 4 * 960 == 75_840
    assert found.cache.concurrency(cache, 120000, 64000) == pytest.approx(2.48, abs=0.02)


def test_a_token_of_minimax_m2_takes_124_kib_on_each_of_two_cards() -> None:
    """eugr/spark-vllm-docker issue 396: 23.25 GiB for one request of 196,608 tokens."""
    asked = Asked(version=(0, 29, 0), parallelism=Parallelism(tensor=2), max_model_len=196608)
    assert size(_model(MINIMAX_M2), card("GB10"), asked).request_bytes / 2**30 == pytest.approx(23.25, abs=0.005)
