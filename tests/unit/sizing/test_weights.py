"""Weights come out as published, tensor by tensor, and per GPU as vLLM divides them."""

import pytest

from tests.unit.sizing.models import GIB, model, published
from vops.sizing.parallelism import Parallelism
from vops.sizing.quantization import configured, named
from vops.sizing.weights import active_parameters, adapter_bytes, draft_bytes, parameters, weights

BOUNDED = {"gemma3-4b", "qwen2.5-vl-7b", "qwen2-vl-7b", "whisper-large-v3"}
"""Towers beside the decoder are bounded, not counted."""


@pytest.mark.parametrize("name", sorted(published().keys() - BOUNDED))
def test_every_parameter_of_a_published_model_is_counted(name: str) -> None:
    assert parameters(model(name)) == published()[name]["parameters"]


@pytest.mark.parametrize("name", sorted(BOUNDED))
def test_models_with_towers_are_within_a_thousandth(name: str) -> None:
    assert parameters(model(name)) == pytest.approx(published()[name]["parameters"], rel=1e-3)


@pytest.mark.parametrize(
    ("name", "tp", "scheme", "gib"),
    [
        ("llama3-8b", 1, None, 14.96),
        ("llama3-8b", 2, None, 7.48),
        ("llama3-70b", 4, None, 32.85),
        ("qwen3-0.6b", 1, None, 1.12),
        ("llama3-8b", 1, "awq", 5.34),
        ("llama3-70b", 2, "awq", 18.53),
        ("llama3-8b", 1, "fp8", 8.49),
        ("gpt-oss-20b", 1, None, 13.47),
        ("gpt-oss-120b", 1, None, 64.38),
    ],
)
def test_weights_on_a_gpu_are_what_vllm_logs(name: str, tp: int, scheme: str | None, gib: float) -> None:
    wanted = None if scheme is None else named(scheme)
    assert weights(model(name), Parallelism(tensor=tp), wanted).gpu_bytes / GIB == pytest.approx(gib, rel=0.01)


def test_more_ranks_than_kv_heads_copy_the_keys_and_save_nothing_there() -> None:
    eight, sixteen = (weights(model("llama3-70b"), Parallelism(tensor=tp)).gpu_bytes for tp in (8, 16))
    assert sixteen > eight / 2


def test_experts_are_divided_over_data_parallel_ranks_and_attention_is_not() -> None:
    alone = weights(model("mixtral-8x7b")).gpu_bytes
    spread = weights(model("mixtral-8x7b"), Parallelism(data=8, expert=True)).gpu_bytes
    assert alone / 8 < spread < alone / 4


def test_the_last_pipeline_stage_holds_the_head_and_the_first_the_embeddings() -> None:
    whole, stage = (weights(model("llama3-70b"), Parallelism(pipeline=pp)).gpu_bytes for pp in (1, 4))
    assert whole / 4 < stage < whole / 4 + 2.1 * GIB


def test_a_quantized_latent_attention_keeps_its_up_projection_in_sixteen_bits_too() -> None:
    plain, fp8 = weights(model("deepseek-v2-lite")), weights(model("deepseek-v2-lite"), quantization=named("fp8"))
    kept = 27 * 16 * (128 + 128) * 512 * 2
    assert fp8.gpu_bytes - kept > plain.gpu_bytes / 2


def test_a_token_passes_through_the_chosen_experts_only() -> None:
    assert active_parameters(model("qwen3-30b-a3b")) == pytest.approx(3.35e9, rel=0.02)
    assert active_parameters(model("deepseek-v3")) == pytest.approx(37.6e9, rel=0.02)


def test_draft_layers_of_deepseek_v3_are_the_fourteen_billion_of_its_model_card() -> None:
    layer = draft_bytes(model("deepseek-v3"), Parallelism(), named("none"))
    assert layer / 2 == pytest.approx(11.5e9, rel=0.03)


def test_adapters_grow_with_rank_and_slots() -> None:
    one = adapter_bytes(model("llama3-8b"), Parallelism(), rank=16, slots=1)
    assert one == pytest.approx(41.9e6 * 2, rel=0.02)
    assert adapter_bytes(model("llama3-8b"), Parallelism(), rank=64, slots=4) == 16 * one


@pytest.mark.parametrize(
    ("declared", "per_element"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, 4 / 8 + 20 / 8 / 128),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 1.0),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 1 + 4 / 128**2),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 0.5 + 4 / 64),
        ({"quant_method": "mxfp4"}, 0.53125),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 0.5625),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 128}}},
            },
            0.5 + 2 / 128,
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "float", "group_size": 16}}},
            },
            0.5625,
        ),
    ],
)
def test_declared_quantization_is_counted_in_bytes(declared: dict[str, object], per_element: float) -> None:
    from tests.unit.sizing.models import config

    scheme = configured(config("llama3-8b", quantization_config=declared))
    assert scheme.bytes_of(4096, 4096) / 4096**2 == pytest.approx(per_element, rel=0.001)
