"""Model families: what a family's code decides about the shapes of its tensors, where `config.json` does not say it.

One entry a family in FAMILIES; a family that is not listed is read as a Llama-like decoder, and `known_family` says
so. Sources: Transformers' modeling files and vLLM's model_executor/models. vops.sizing.reading reads a configuration
with them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.sizing.modelconfig import ModelConfig


class Family(msgspec.Struct, frozen=True):
    """What a family's code decides. None for biases: the configuration says it (absent: no bias).

    `qk_norm` is "head" for one vector a head dimension, "full" for one over all heads.
    """

    qkv_bias: bool | None = None
    output_bias: bool | None = None
    mlp_bias: bool | None = None
    qk_norm: str = ""
    norms: int = 2
    norm_bias: bool = False
    mlp_matrices: int = 3
    tied: bool = False
    head_bias: bool = False
    position_offset: int | None = None
    """Rows of a learned position table beyond the configured length; None for rotary or ALiBi positions."""
    shared_gate: bool = False
    correction_bias: bool = False
    gated_attention: bool = False
    sinks: bool = False
    defaults: dict[str, Any] = {}
    """What Transformers' configuration class assumes where config.json leaves it out."""


_PLAIN = Family(qkv_bias=True, output_bias=True, mlp_bias=True, norm_bias=True, mlp_matrices=2)
_GEMMA3 = Family(
    qk_norm="head",
    norms=4,
    tied=True,
    defaults={"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262208},
)
GEMMA4 = Family(
    qk_norm="head",
    norms=4,
    tied=True,
    defaults={"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262144},
)
_DEEPSEEK = Family(correction_bias=True)
_QWEN3 = Family(qk_norm="head")
_QWEN3_NEXT = Family(qk_norm="head", shared_gate=True, gated_attention=True)
_GPT = msgspec.structs.replace(_PLAIN, tied=True, position_offset=0)
FAMILIES: dict[str, Family] = {
    "llama": Family(),
    "llama4_text": Family(),
    "mistral": Family(),
    "ministral": Family(),
    "ministral3": Family(),
    "mistral3": Family(),
    "pixtral": Family(),
    "mixtral": Family(),
    "qwen2": Family(qkv_bias=True, output_bias=False),
    "qwen2_vl": Family(qkv_bias=True, output_bias=False),
    "qwen2_vl_text": Family(qkv_bias=True, output_bias=False),
    "qwen2_5_vl": Family(qkv_bias=True, output_bias=False),
    "qwen2_5_vl_text": Family(qkv_bias=True, output_bias=False),
    "qwen2_moe": Family(qkv_bias=True, output_bias=False, shared_gate=True),
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3,
    "qwen3_vl_text": _QWEN3,
    "qwen3_vl_moe_text": _QWEN3,
    "qwen3_next": _QWEN3_NEXT,
    "qwen3_5_text": _QWEN3_NEXT,
    "qwen3_5_moe_text": _QWEN3_NEXT,
    "gemma": Family(tied=True),
    "gemma2": Family(norms=4, tied=True),
    "gemma3": _GEMMA3,
    "gemma3_text": _GEMMA3,
    "gemma4_text": GEMMA4,
    "gemma4_unified_text": GEMMA4,
    "phi": msgspec.structs.replace(_PLAIN, norms=1, head_bias=True),
    "phi3": Family(),
    "phi3small": Family(qkv_bias=True, output_bias=True, mlp_bias=True, norm_bias=True),
    "phimoe": Family(norm_bias=True, head_bias=True),
    "deepseek": Family(),
    "deepseek_v2": Family(),
    "deepseek_v3": _DEEPSEEK,
    "deepseek_v32": _DEEPSEEK,
    "kimi_k2": _DEEPSEEK,
    "kimi_linear": _DEEPSEEK,
    "minimax_m2": Family(qk_norm="full", correction_bias=True),
    "glm4_moe": Family(output_bias=False, correction_bias=True),
    "glm4_moe_lite": _DEEPSEEK,
    "glm": Family(output_bias=False),
    "glm4": Family(output_bias=False, norms=4),
    "chatglm": Family(output_bias=False),
    "gpt_oss": Family(qkv_bias=True, output_bias=True, sinks=True),
    "granite": Family(),
    "granitemoe": Family(tied=True),
    "granitemoeshared": Family(tied=True),
    "granitemoehybrid": Family(tied=True),
    "jamba": Family(),
    "bamba": Family(),
    "nemotron_h": Family(norms=1, mlp_matrices=2),
    "nemotron": Family(norm_bias=True, mlp_matrices=2),
    "falcon_h1": Family(),
    "lfm2": Family(qk_norm="head", tied=True),
    "lfm2_moe": Family(qk_norm="head", tied=True),
    "mamba": Family(norms=1, tied=True),
    "mamba2": Family(norms=1, tied=True),
    "falcon_mamba": Family(norms=1, tied=True),
    "olmo": Family(norms=0),
    "olmo2": Family(qk_norm="full"),
    "olmo3": Family(qk_norm="full"),
    "olmoe": Family(qk_norm="full"),
    "cohere": Family(norms=1, tied=True),
    "cohere2": Family(norms=1, tied=True),
    "starcoder2": Family(norm_bias=True, mlp_matrices=2, tied=True),
    "stablelm": Family(norm_bias=True),
    "gpt_neox": _PLAIN,
    "gpt2": _GPT,
    "gpt_bigcode": _GPT,
    "opt": msgspec.structs.replace(_GPT, position_offset=2),
    "bloom": msgspec.structs.replace(_PLAIN, tied=True),
    "falcon": Family(norm_bias=True, mlp_matrices=2, tied=True),
    "mpt": Family(norm_bias=False, mlp_matrices=2, tied=True),
    "internlm2": Family(),
    "internlm3": Family(),
    "baichuan": Family(),
    "exaone": Family(),
    "exaone4": Family(qk_norm="head"),
    "smollm3": Family(),
    "seed_oss": Family(),
    "minicpm": Family(tied=True),
    "solar": Family(),
    "dbrx": Family(norms=2),
    "whisper": msgspec.structs.replace(_PLAIN, tied=True, position_offset=0),
}


def known_family(config: ModelConfig) -> bool:
    """Whether the shapes of this model's family are modelled; otherwise it is sized as a Llama-like decoder."""
    return config.text_model().word("model_type") in FAMILIES
