"""What the sentence of a refusal is about, for one that came without the calls that raised it.

A single line is all that many people copy. vLLM's checks name what they check: a way to quantize, an adapter, a field
of a model's configuration, a flag. Read in every module of vLLM 0.6 to 0.33 that raises while a server starts.
"""

from __future__ import annotations

import re
from enum import StrEnum

from vops.model.patterns import lazy_pattern


class Topic(StrEnum):
    """In the order in which they are asked: a sentence about the scales of an adapter is about the adapter."""

    ADAPTER = "adapter"
    GROUP = "group"
    QUANTIZATION = "quantization"
    MODEL = "model"
    SETTINGS = "settings"


_TOPICS: tuple[tuple[Topic, re.Pattern[str]], ...] = (
    (Topic.ADAPTER, lazy_pattern(r"\b(?:fused_moe_)?lora_\w|LoRA|\badapters?\b|PEFT|target_modules", re.ASCII)),
    (
        Topic.GROUP,
        lazy_pattern(
            r"nccl|\bgloo\b|process group|init_method|\ball_?reduce|world.?size.{0,40}(?:rank|match)|TCPStore",
            re.ASCII | re.IGNORECASE,
        ),
    ),
    (
        Topic.QUANTIZATION,
        lazy_pattern(
            r"quantiz|quant_|\bquant(?:s|ized)?\b|nvfp4|mxfp[48]|\bfp4\b|ptpc|compressed.tensors|\bawq|\bgptq|marlin"
            r"|bitsandbytes|\bbnb\b|modelopt|\bquark\b|w\d{1,2}a\d{1,2}|weight_scale|input_scale|weight scales?\b"
            r"|group_size|zero.?points?|wna16|\baqlm|\bhqq\b|bitblas|torchao|auto_?round|scaled_?mm|pack_?factor"
            r"|\bfp8\b.{0,80}(?:checkpoint|scheme|moe|linear|weight|block|backend)|machete|exllama|block_[nk]\b"
            r"|qweight|\b(?:num|weight)_bits\b|packing_format|pre-processed weights",
            re.ASCII | re.IGNORECASE,
        ),
    ),
    (
        Topic.MODEL,
        lazy_pattern(
            r"rope_(?:scaling|parameters|type|theta)|\bRoPE\b|hf_(?:text_)?config|\btext_config|config\.json"
            r"|layer_types"
            r"|num_(?:hidden_layers|attention_heads|key_value_heads)|model_type|\barchitectures?\b"
            r"|max_position_embeddings|Pre[Tt]rained[Cc]onfig|alibi|is not a multimodal model|hidden_size|head_dim"
            r"|attn_type_list|num_experts\b|n_routed_experts",
            re.ASCII,
        ),
    ),
    (
        Topic.SETTINGS,
        lazy_pattern(
            r"(?<![\w-])--[a-z][\w-]{2,60}|VLLM_[A-Z0-9_]{2,60}|[Ss]peculati|\bdraft\b|\bEAGLE|\bMTP\b|[Nn]-?gram\b"
            r"|medusa"
            r"|prompt_lookup|multi-?modal|\b(?:dp|tp|pp|dcp|pcp|ep|cp)_size\b|[Pp]refix caching|[Cc]hunked.?prefill"
            r"|[Cc]ontext parallel|[Ee]xpert parallel|[Pp]ipeline parallel|[Dd]ata parallel|CUDA ?[Gg]raph|cudagraph"
            r"|[Ss]tructured output|guided_decoding|[Aa]sync scheduling|[Ss]liding window|[Rr]easoning|[Tt]ool.?call"
            r"|(?:Unknown|Invalid|Unsupported) (?:\w+ ){0,3}(?:backend|mode|method|format|algorithm|option|value|task)"
            r"|(?:[Vv]alid|[Ss]upported|[Aa]vailable) (?:\w+ ){0,2}(?:options|choices|values|methods|backends|modes) ?"
            r"(?:are|:|is)|[Cc]annot (?:set|use|specify|enable|combine) |mutually exclusive|(?:in|not )compatible with"
            r"|\b[a-z]+(?:_[a-z]+)+`?'?(?: \([^)]{0,60}\)|=\S{1,40})? (?:must|should|cannot|can only|is only|is not"
            r"|needs)"
            r"|\b[a-z]+(?:_[a-z0-9]+)+\b.{0,80}\b(?:requires?|must|only|cannot|should be|[Ii]nvalid|[Uu]nsupported"
            r"|expected)\b"
            r"|\b(?:requires?|must|only|cannot|should|[Ii]nvalid|[Uu]nsupported"
            r"|expected)\b.{0,80}\b[a-z]+(?:_[a-z0-9]+)+\b"
            r"|(?:is|are) (?:only|not)(?: yet| currently)? supported\b|is deprecated|dummy tokens"
            r"|does not (?:yet )?support "
            r"|only supports |requires (?:Model Runner|NVIDIA|CUDA|Ray)|must be (?:positive|non-negative|greater"
            r"|one of)",
            re.ASCII,
        ),
    ),
)


def topic_of(message: str) -> Topic | None:
    """What a check's sentence is about; None where it does not tell."""
    return next((topic for topic, pattern in _TOPICS if pattern.search(message)), None)
