"""Layers that a quantized checkpoint leaves alone, in each way that configurations say so."""

from __future__ import annotations

import pytest

from tests.unit.sizing.models import config, model
from vops.sizing.reading import architecture
from vops.sizing.skipping import left_alone
from vops.sizing.weights import weights

EXPERT = ("mlp.experts.0.gate_proj",)
SHARED = ("mlp.shared_experts.gate_proj",)
DENSE = ("mlp.gate_proj",)
QUERY = ("self_attn.q_proj",)


@pytest.mark.parametrize(
    ("pattern", "modules", "layer", "expected"),
    [
        ("re:.*self_attn.*", QUERY, 3, True),
        ("re:.*shared_experts.*", SHARED, 3, True),
        ("re:.*shared_experts.*", EXPERT, 3, False),
        (r"re:.*mlp\.(gate|up|gate_up|down)_proj.*", DENSE, 0, True),
        (r"re:.*mlp\.(gate|up|gate_up|down)_proj.*", EXPERT, 1, False),
        ("re:.*mlp.gate$", DENSE, 0, False),
        ("re:(", DENSE, 0, False),
        ("model.layers.0.mlp.gate", DENSE, 0, False),
        ("model.layers.3.self_attn.q_proj", QUERY, 3, True),
        ("model.layers.3.self_attn.q_proj", QUERY, 13, False),
        ("model.layers.3.self_attn.q_proj", QUERY, 4, False),
        ("self_attn", QUERY, 7, True),
        ("model.layers.2*", QUERY, 20, True),
        ("model.layers.2.*", QUERY, 20, False),
        ("*linear_attn*", ("linear_attn.out_proj",), 5, True),
        ("model.language_model.layers.3.self_attn.q_proj", QUERY, 3, True),
        ("visual", QUERY, 3, False),
    ],
)
def test_pattern(pattern: str, modules: tuple[str, ...], layer: int, expected: bool) -> None:
    assert left_alone((pattern,), modules, layer) is expected


def test_a_gate_left_alone_does_not_keep_the_feed_forward_wide() -> None:
    plain = architecture(config("llama3-8b", quantization_config={"quant_method": "fp8"}))
    gated = architecture(
        config("llama3-8b", quantization_config={"quant_method": "fp8", "ignored_layers": ["model.layers.0.mlp.gate"]})
    )
    assert weights(gated).total_bytes == weights(plain).total_bytes


def test_one_layer_left_alone_costs_one_layer() -> None:
    declared = {"quant_method": "fp8", "modules_to_not_convert": ["model.layers.5.mlp.down_proj"]}
    found = weights(model("llama3-8b", quantization_config=declared)).total_bytes
    without = weights(model("llama3-8b", quantization_config={"quant_method": "fp8"})).total_bytes
    assert found - without == 4096 * 14336
