"""From a `config.json` to an Architecture, by the shapes that each family's code gives its tensors.

What a configuration leaves to the code is in vops.sizing.families, layer patterns in layers, recurrent layers in
recurrent, positions in rotary, towers beside the decoder in towers.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.sizing.architecture import Architecture, Attention, Experts, Latent, Layer, Mixer
from vops.sizing.families import FAMILIES, GEMMA4, Family
from vops.sizing.layers import decoder_layers
from vops.sizing.modelconfig import ModelConfig, hidden_width
from vops.sizing.quantization import Quantization, configured
from vops.sizing.recurrent import recurrence_of
from vops.sizing.rotary import rotary_rows, scaled_length
from vops.sizing.towers import cross_attention, encoder_elements, tower_elements

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


def architecture(config: ModelConfig) -> Architecture:
    """The model that `config` describes. Raises InputError naming what is missing or wrong."""
    text = config.text_model()
    model_type = text.word("model_type") or config.word("model_type")
    family = FAMILIES.get(model_type, Family())
    text = text.with_values({**family.defaults, **_flattened(text)})
    latent = _latent(text, model_type)
    recurrence = recurrence_of(text, model_type)
    attention = None if latent else _attention(text, family, model_type)
    experts = _experts(text, family, model_type)
    hidden = hidden_width(text)
    layers = decoder_layers(
        text, model_type, latent=latent is not None, experts=experts is not None, recurrent=recurrence is not None
    )
    if family is GEMMA4 and attention is not None:
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
        max_length=scaled_length(text, model_type, max_length),
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
        rotary_rows=rotary_rows(text, model_type, max_length),
        embedding_dim=text.count("word_embed_proj_dim", default=0),
        layer_embedding=text.count("hidden_size_per_layer_input", default=0) if family is GEMMA4 else 0,
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


def _attention(text: ModelConfig, family: Family, model_type: str) -> Attention | None:
    if model_type in ("mamba", "mamba2", "falcon_mamba"):
        return None
    heads = text.extent("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads")
    head_dim = text.extent("head_dim", "attention_head_dim", "kv_channels", default=hidden_width(text) // heads)
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
    if family is GEMMA4:
        return 7 if text.count("num_experts", default=0) else family.norms
    if model_type == "falcon":
        parallel = text.flag("parallel_attn", default=True) and not text.flag("new_decoder_architecture")
        return 1 if parallel else 2
    return family.norms


def _scheme(config: ModelConfig, text: ModelConfig) -> Quantization:
    found = configured(config)
    return found if found.active else configured(text)


def _has_tower(config: ModelConfig) -> bool:
    return any(name in config for name in ("vision_config", "visual", "audio_config", "vision_tower"))
