"""Any configuration gets an answer or an InputError, whatever its values are."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sizing.models import card, published
from vops.errors import InputError
from vops.sizing.capacity import Sizing, size
from vops.sizing.modelconfig import ModelConfig
from vops.sizing.reading import architecture
from vops.sizing.settings import Asked

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 3, 10**9, 10**30, 0.5, "", "x", "nan", [], [1], ["x"], {}, {"a": 1}]),
)
NAMES = sorted(published())


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_changed_values_are_sized_or_refused(name: str, data: st.DataObject) -> None:
    values: dict[str, Any] = dict(published()[name]["config"])
    for key in data.draw(st.lists(st.sampled_from(sorted(values)), max_size=3, unique=True)):
        values[key] = data.draw(VALUES)
    found = _sized(values)
    assert found is None or (found.weights.gpu_bytes >= 0 and found.kv_tokens >= 0)


def _sized(values: dict[str, Any]) -> Sizing | None:
    """None for a configuration that was refused."""
    try:
        return size(architecture(ModelConfig(values, path="config.json")), card("H100"), Asked())
    except InputError:
        return None


@pytest.mark.parametrize(("name", "value"), [("block_multiple_of", 0), ("block_ffn_dim_multiplier", -1)])
def test_a_width_that_cannot_be_is_refused(name: str, value: int) -> None:
    assert _sized(dict(published()["lfm2-1.2b"]["config"]) | {name: value}) is None


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "nul", "", '{"text_config": []}'])
def test_deep_and_broken_json_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        architecture(ModelConfig.parse(text, "config.json"))


def test_a_pattern_of_a_million_layers_is_refused() -> None:
    with pytest.raises(InputError, match="layers"):
        architecture(
            ModelConfig(
                {"model_type": "nemotron_h", "hybrid_override_pattern": "M" * 10**6, "num_attention_heads": 8}
                | {"vocab_size": 64, "hidden_size": 64, "mamba_num_heads": 8, "mamba_head_dim": 8, "ssm_state_size": 8},
                path="config.json",
            )
        )
