"""Model families: from a `config.json` to an Architecture, by the shapes that each family's code gives its tensors.

One entry a family in FAMILIES, for what a configuration does not say itself; a family that is not listed is read as a
Llama-like decoder, and `known_family` says so. Sources: Transformers' modeling files and vLLM's model_executor/models.
Layer patterns are in vops.sizing.layers, towers beside the decoder in vops.sizing.towers.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.sizing.architecture import Architecture, Attention, Experts, Latent, Layer, Mixer, Recurrence
from vops.sizing.layers import decoder_layers
from vops.sizing.modelconfig import ModelConfig
from vops.sizing.quantization import Quantization, configured
from vops.sizing.towers import cross_attention, encoder_elements, tower_elements


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
_GEMMA4 = Family(
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
    "gemma4_text": _GEMMA4,
    "gemma4_unified_text": _GEMMA4,
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
MOST_SCALING = 10_000
_LATENT_TYPES = frozenset(
    {
        "deepseek_v2",
        "deepseek_v3",
        "deepseek_v32",
        "kimi_k2",
        "kimi_linear",
        "glm4_moe_lite",
        "longcat_flash",
        "deepseek_mtp",
    }
)


def known_family(config: ModelConfig) -> bool:
    """Whether the shapes of this model's family are modelled; otherwise it is sized as a Llama-like decoder."""
    return config.text_model().word("model_type") in FAMILIES


def architecture(config: ModelConfig) -> Architecture:
    """The model that `config` describes. Raises InputError naming what is missing or wrong."""
    text = config.text_model()
    model_type = text.word("model_type") or config.word("model_type")
    family = FAMILIES.get(model_type, Family())
    text = text.with_values({**family.defaults, **_flattened(text)})
    latent = _latent(text, model_type)
    recurrence = _recurrence(text, model_type)
    attention = None if latent else _attention(text, family, model_type)
    experts = _experts(text, family, model_type)
    hidden = _hidden(text)
    layers = decoder_layers(
        text, model_type, latent=latent is not None, experts=experts is not None, recurrent=recurrence is not None
    )
    if family is _GEMMA4 and attention is not None:
        layers = _gemma4_layers(text, attention, layers)
    max_length = text.extent(
        "max_position_embeddings",
        "n_positions",
        "max_seq_len",
        "seq_length",
        "max_target_positions",
        "model_max_length",
        default=2048,
    )
    peak, tokens = encoder_elements(config)
    head_dim = latent.rope_dim if latent else (attention.head_dim if attention else 0)
    built = Architecture(
        name=next(iter(config.words("architectures")), model_type),
        model_type=model_type,
        hidden=hidden,
        vocabulary=text.extent("vocab_size", "padded_vocab_size"),
        layers=layers,
        max_length=_scaled(text, model_type, max_length),
        attention=attention,
        latent=latent,
        recurrence=recurrence,
        experts=experts,
        tied=_tied(text, config, family),
        mlp_matrices=family.mlp_matrices,
        mlp_bias=_decided(family.mlp_bias, text, "mlp_bias", "use_bias", "add_bias_linear"),
        norms=_norms(text, family, model_type),
        norm_bias=family.norm_bias,
        head_bias=family.head_bias or text.flag("lm_head_bias"),
        positions=0 if family.position_offset is None else max_length + family.position_offset,
        rotary_dim=head_dim if family.position_offset is None and not text.flag("mla_use_nope") else 0,
        rotary_rows=_rotary_rows(text, model_type, max_length),
        embedding_dim=text.count("word_embed_proj_dim", default=0),
        layer_embedding=text.count("hidden_size_per_layer_input", default=0) if family is _GEMMA4 else 0,
        layer_vocabulary=text.count("vocab_size_per_layer_input", "vocab_size", default=0),
        extra=tower_elements(config, hidden),
        draft_vocabulary=text.count("draft_vocab_size", default=0),
        draft_layers=text.count("num_nextn_predict_layers", "mtp_num_hidden_layers", default=0),
        multimodal=_has_tower(config),
        encoder_peak=peak,
        encoder_tokens=tokens,
        quantization=_scheme(config, text),
    )
    return cross_attention(built, text) if model_type == "whisper" else built


def _flattened(text: ModelConfig) -> dict[str, Any]:
    """The values with DBRX's nested attention and expert objects lifted to the names others use."""
    values = dict(text.values)
    attention, feed = values.get("attn_config"), values.get("ffn_config")
    if isinstance(attention, dict) and isinstance(feed, dict):
        values |= {"num_key_value_heads": attention.get("kv_n_heads"), "intermediate_size": feed.get("ffn_hidden_size")}
        values |= {"num_local_experts": feed.get("moe_num_experts"), "num_experts_per_tok": feed.get("moe_top_k")}
    return values


def _hidden(text: ModelConfig) -> int:
    return text.extent("hidden_size", "n_embd", "d_model", "dim")


def _attention(text: ModelConfig, family: Family, model_type: str) -> Attention | None:
    if model_type in ("mamba", "mamba2", "falcon_mamba"):
        return None
    heads = text.extent("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads")
    head_dim = text.extent("head_dim", "attention_head_dim", "kv_channels", default=_hidden(text) // heads)
    kv_heads = _kv_heads(text, heads)
    norm = {"head": 2 * head_dim, "full": (heads + kv_heads) * head_dim, "": 0}[family.qk_norm]
    if not norm and text.flag("use_qk_norm"):
        norm = (heads + kv_heads) * head_dim if model_type.startswith("cohere") else 2 * head_dim
    return Attention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        value_dim=text.count("v_head_dim", default=head_dim),
        qkv_bias=_decided(
            family.qkv_bias, text, "attention_bias", "qkv_bias", "use_qkv_bias", "add_qkv_bias", "use_bias"
        ),
        output_bias=_decided(family.output_bias, text, "attention_out_bias", "attention_bias", "use_bias"),
        qk_norm=norm,
        gated=family.gated_attention,
        sinks=family.sinks,
    )


def _gemma4_layers(text: ModelConfig, attention: Attention, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Layers that attend to everything have wider and fewer heads; the last ones borrow keys and values.

    Where keys are values, vLLM loads the keys twice and keeps both. Source: vLLM model_executor/models/gemma4.py.
    """
    wide = text.extent("global_head_dim", default=512)
    heads = text.count("num_global_key_value_heads", default=0) if text.flag("attention_k_eq_v") else 0
    everything = msgspec.structs.replace(
        attention, kv_heads=heads or attention.kv_heads, head_dim=wide, value_dim=wide, qk_norm=2 * wide
    )
    owned = len(layers) - text.count("num_kv_shared_layers", default=0)
    double = text.flag("use_double_wide_mlp")
    return tuple(
        msgspec.structs.replace(
            layer,
            attention=everything if layer.mixer is Mixer.FULL else None,
            borrows=index >= owned,
            width=layer.width * (2 if double and index >= owned else 1),
        )
        for index, layer in enumerate(layers)
    )


def _kv_heads(text: ModelConfig, heads: int) -> int:
    """Falcon and GPT-BigCode say multi-query by a flag, ChatGLM by the number of groups."""
    if text.flag("multi_query") and not text.flag("new_decoder_architecture"):
        return 1
    if text.flag("multi_query_attention"):
        return text.extent("multi_query_group_num", default=heads)
    return text.extent("num_key_value_heads", "num_kv_heads", "n_head_kv", "n_kv_heads", default=heads)


def _latent(text: ModelConfig, model_type: str) -> Latent | None:
    if "kv_lora_rank" not in text or (model_type not in _LATENT_TYPES and "qk_rope_head_dim" not in text):
        return None
    return Latent(
        heads=text.extent("num_attention_heads"),
        query_rank=text.count("q_lora_rank", default=0),
        kv_rank=text.extent("kv_lora_rank"),
        nope_dim=text.extent("qk_nope_head_dim"),
        rope_dim=text.extent("qk_rope_head_dim"),
        value_dim=text.extent("v_head_dim"),
        index_heads=text.count("index_n_heads", default=0),
        index_dim=text.count("index_head_dim", default=0) if "index_n_heads" in text else 0,
    )


def _recurrence(text: ModelConfig, model_type: str) -> Recurrence | None:
    if "linear_num_value_heads" in text:
        return _delta(text)
    if (linear := text.part("linear_attn_config")) is not None:
        return _kimi_delta(linear)
    if model_type in ("lfm2", "lfm2_moe"):
        return Recurrence(inner=_hidden(text), state=0, convolution=text.extent("conv_L_cache", default=3))
    if text.optional("mamba_num_heads", "mamba_n_heads") or model_type == "mamba2":
        return _mamba2(text, model_type)
    if text.optional("mamba_d_state", "state_size") and model_type in ("jamba", "mamba", "falcon_mamba"):
        return _mamba1(text, model_type)
    return None


def _delta(text: ModelConfig) -> Recurrence:
    heads, value_dim = text.extent("linear_num_value_heads"), text.extent("linear_value_head_dim")
    return Recurrence(
        inner=heads * value_dim,
        state=text.extent("linear_key_head_dim"),
        convolution=text.extent("linear_conv_kernel_dim", default=4),
        groups=text.extent("linear_num_key_heads"),
        heads=heads,
        head_dim=value_dim,
        convolution_bias=False,
        state_bytes=4 if text.word("mamba_ssm_dtype") == "float32" else 0,
    )


def _kimi_delta(linear: ModelConfig) -> Recurrence:
    """Kimi delta attention, whose state is float32. Source: vLLM `MambaStateShapeCalculator.kda_state_shape`."""
    heads, dim = linear.extent("num_heads"), linear.extent("head_dim")
    return Recurrence(
        inner=heads * dim,
        state=dim,
        convolution=linear.extent("short_conv_kernel_size", default=4),
        groups=heads,
        heads=heads,
        head_dim=dim,
        convolution_bias=False,
        state_bytes=4,
        gate_rank=dim,
    )


def _mamba2(text: ModelConfig, model_type: str) -> Recurrence:
    heads = text.extent("mamba_num_heads", "mamba_n_heads", "num_heads")
    expanded = text.extent("mamba_expand", "expand", default=2) * _hidden(text)
    head_dim = text.values.get("mamba_head_dim") or text.values.get("mamba_d_head") or text.values.get("head_dim")
    dim = head_dim if isinstance(head_dim, int) else expanded // heads
    return Recurrence(
        inner=heads * dim,
        state=text.extent("ssm_state_size", "mamba_d_state", "state_size"),
        convolution=text.extent("conv_kernel", "mamba_d_conv", default=4),
        groups=text.extent("n_groups", "mamba_n_groups", default=1),
        heads=heads,
        head_dim=dim,
        convolution_bias=text.flag("use_conv_bias", "mamba_conv_bias", default=True),
        projection_bias=text.flag("mamba_proj_bias", "use_bias"),
        state_bytes=4 if _state_dtype(text, model_type) == "float32" else 0,
        chunk=text.extent("mamba_chunk_size", "chunk_size", default=2048),
    )


def _state_dtype(text: ModelConfig, model_type: str) -> str:
    """Nemotron-H's states are float32 unless it says otherwise; the others' are the model's dtype."""
    return text.word("mamba_ssm_cache_dtype", default="float32" if model_type == "nemotron_h" else "")


def _mamba1(text: ModelConfig, model_type: str) -> Recurrence:
    hidden = _hidden(text)
    rank = text.values.get("mamba_dt_rank", text.values.get("time_step_rank"))
    return Recurrence(
        inner=text.count("intermediate_size", default=0)
        if model_type != "jamba" and "intermediate_size" in text
        else text.extent("mamba_expand", "expand", default=2) * hidden,
        state=text.extent("mamba_d_state", "state_size", default=16),
        convolution=text.extent("mamba_d_conv", "conv_kernel", default=4),
        step_rank=rank if isinstance(rank, int) else -(-hidden // 16),
        convolution_bias=text.flag("mamba_conv_bias", "use_conv_bias", default=True),
        projection_bias=text.flag("mamba_proj_bias", "use_bias"),
        inner_norms=model_type == "jamba",
    )


def _experts(text: ModelConfig, family: Family, model_type: str) -> Experts | None:
    count = text.count("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts", default=0)
    if count <= 1:
        return None
    width = text.extent("moe_intermediate_size", "expert_intermediate_size", "intermediate_size")
    return Experts(
        count=count,
        active=text.extent(
            "num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_k", "top_k", "top_k_experts", default=1
        ),
        width=width,
        shared=_shared_width(text, width, model_type),
        shared_gate=family.shared_gate,
        matrices=family.mlp_matrices,
        bias=model_type == "gpt_oss",
        router_bias=model_type == "gpt_oss",
        correction_bias=family.correction_bias or model_type == "nemotron_h",
        latent=text.count("moe_latent_size", default=0),
    )


def _shared_width(text: ModelConfig, width: int, model_type: str) -> int:
    if model_type == "llama4_text":
        return width
    if model_type.startswith("gemma4"):
        return text.extent("intermediate_size")
    each = text.optional("moe_shared_expert_intermediate_size") or width
    if "n_shared_experts" in text or "num_shared_experts" in text or "moe_num_shared_experts" in text:
        return each * text.count("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
    return text.count("shared_expert_intermediate_size", "shared_intermediate_size", default=0)


def _decided(family: bool | None, text: ModelConfig, *names: str) -> bool:
    return family if family is not None else text.flag(*names)


def _tied(text: ModelConfig, config: ModelConfig, family: Family) -> bool:
    """The language model's own word first: Transformers' wrapper classes have another default."""
    for source in (text, config):
        if "tie_word_embeddings" in source:
            return source.flag("tie_word_embeddings")
    return family.tied


def _norms(text: ModelConfig, family: Family, model_type: str) -> int:
    if family is _GEMMA4:
        return 7 if text.count("num_experts", default=0) else family.norms
    if model_type == "falcon":
        parallel = text.flag("parallel_attn", default=True) and not text.flag("new_decoder_architecture")
        return 1 if parallel else 2
    return family.norms


def _scaled(text: ModelConfig, model_type: str, length: int) -> int:
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


def _rotary_rows(text: ModelConfig, model_type: str, length: int) -> int:
    """Rows of the tables of cosines and sines; linear scaling makes `factor` times as many of the given length.

    Gemma 3 has a second table, unscaled, for its local layers, Gemma 4 one for its wide heads. Source: vLLM
    layers/rotary_embedding.
    """
    scaling = _scaling(text)
    rows = _scaled(text, model_type, length)
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


def _scheme(config: ModelConfig, text: ModelConfig) -> Quantization:
    found = configured(config)
    return found if found.active else configured(text)


def _has_tower(config: ModelConfig) -> bool:
    return any(name in config for name in ("vision_config", "visual", "audio_config", "vision_tower"))
