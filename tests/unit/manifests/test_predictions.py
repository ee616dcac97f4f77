"""Weights by a model's name: never more than the model really has, and nothing where the name does not tell."""

from __future__ import annotations

import pytest

from vops.manifests.predictions import ROUNDED
from vops.sizing.named import named_weights


@pytest.mark.parametrize(
    ("model", "quantization", "real_gb"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "", 16.1),
        ("meta-llama/Llama-3.3-70B-Instruct", "", 141.1),
        ("casperhansen/llama-3.3-70b-instruct-awq", "", 39.8),
        ("meta-llama/Llama-3.3-70B-Instruct", "fp8", 72.7),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "", 93.4),
        ("Qwen/Qwen3-30B-A3B", "", 61.1),
        ("Qwen/Qwen2.5-0.5B", "", 0.99),
        ("meta-llama/Llama-2-7b-hf", "", 13.5),
        ("openai/gpt-oss-120b", "", 65.2),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "", 15.2),
        ("RedHatAI/Meta-Llama-3.1-70B-Instruct-quantized.w8a8", "", 72.7),
        ("/models/Llama-2-13b-chat-GGUF/", "", 7.9),
    ],
)
def test_a_name_gives_a_lower_bound_that_is_near(model: str, quantization: str, real_gb: float) -> None:
    guess = named_weights(model, quantization)
    assert guess is not None
    assert 0.4 * real_gb <= guess * ROUNDED / 1e9 <= real_gb


@pytest.mark.parametrize(
    "model", ["deepseek-ai/DeepSeek-V3.1", "facebook/opt-125m", "/models/own", "", "BAAI/bge-m3", "a/b3"]
)
def test_a_name_that_tells_no_size_gives_none(model: str) -> None:
    assert named_weights(model) is None
