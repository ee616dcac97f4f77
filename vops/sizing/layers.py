"""The pattern of a decoder's layers: which attend, over what, which recur, and which have experts.

One function a way of saying it; `decoder_layers` asks them in turn. Sources: the `layer_types` and pattern keys of
Transformers' configurations and the readings of vLLM's model code, which decide the groups of its KV cache.
"""

from __future__ import annotations

from collections.abc import Callable

from vops.sizing.architecture import Feed, Layer, Mixer
from vops.sizing.modelconfig import ModelConfig, hidden_width

MOST_LAYERS = 4096
_BY_TYPE = {
    "full_attention": Mixer.FULL,
    "attention": Mixer.FULL,
    "global": Mixer.FULL,
    "sliding_attention": Mixer.SLIDING,
    "local": Mixer.SLIDING,
    "chunked_attention": Mixer.CHUNKED,
    "linear_attention": Mixer.DELTA,
    "mamba": Mixer.MAMBA2,
    "mamba2": Mixer.MAMBA2,
    "conv": Mixer.CONVOLUTION,
}
_NEMOTRON = {
    "M": (Mixer.MAMBA2, Feed.NONE),
    "*": (Mixer.FULL, Feed.NONE),
    "-": (Mixer.NONE, Feed.DENSE),
    "E": (Mixer.NONE, Feed.EXPERTS),
}


def decoder_layers(
    text: ModelConfig, model_type: str, *, latent: bool, experts: bool, recurrent: bool
) -> tuple[Layer, ...]:
    """The layers in order. Raises InputError for a pattern that does not fit the number of layers."""
    if "hybrid_override_pattern" in text:
        return _nemotron(text)
    count = text.count("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers")
    _plausible(text, count, "num_hidden_layers")
    mixers = _latent(text, count) if latent else _mixers(text, model_type, count)
    window = _window(text, model_type, mixers)
    if window and not latent and all(mixer is Mixer.FULL for mixer in mixers):
        mixers = [Mixer.SLIDING] * count
    feeds = _feeds(text, model_type, count, experts=experts)
    width = _width(text, model_type)
    layers = [
        Layer(
            mixer=mixer,
            feed=feed,
            window=window if mixer in (Mixer.SLIDING, Mixer.CHUNKED) else 0,
            width=width if feed is Feed.DENSE else 0,
        )
        for mixer, feed in zip(mixers, feeds, strict=True)
    ]
    if model_type == "falcon_h1" and recurrent:
        beside = Layer(mixer=Mixer.MAMBA2, feed=Feed.NONE)
        return tuple(part for layer in layers for part in (beside, layer))
    return tuple(layers)


def _plausible(text: ModelConfig, layers: int, name: str) -> None:
    if not 0 < layers <= MOST_LAYERS:
        raise text.wrong(f"a model of {layers} layers cannot be", name)


def _nemotron(text: ModelConfig) -> tuple[Layer, ...]:
    """`M-M*-…`: every character is a layer of one part."""
    pattern = text.word("hybrid_override_pattern")
    unknown = set(pattern) - set(_NEMOTRON)
    _plausible(text, len(pattern), "hybrid_override_pattern")
    if unknown:
        raise text.wrong(f"hybrid_override_pattern has {sorted(unknown)}", "hybrid_override_pattern")
    width = text.count("intermediate_size", default=0)
    return tuple(
        Layer(mixer=mixer, feed=feed, width=width if feed is Feed.DENSE else 0)
        for mixer, feed in (_NEMOTRON[character] for character in pattern)
    )


def _latent(text: ModelConfig, count: int) -> list[Mixer]:
    """Kimi Linear counts its layers of delta attention from 1."""
    linear = text.part("linear_attn_config")
    delta = set(linear.counts("kda_layers")) if linear is not None else set()
    return [Mixer.DELTA if index + 1 in delta else Mixer.LATENT for index in range(count)]


def _mixers(text: ModelConfig, model_type: str, count: int) -> list[Mixer]:
    if types := text.words("layer_types") or text.words("layers_block_type"):
        return _typed(text, types, count)
    pattern = _PATTERNS.get(model_type)
    return [Mixer.FULL] * count if pattern is None else [pattern(text, index) for index in range(count)]


def _typed(text: ModelConfig, types: tuple[str, ...], count: int) -> list[Mixer]:
    if len(types) != count:
        raise text.wrong(f"layer_types names {len(types)} layers, and the model has {count}", "layer_types")
    unknown = set(types) - set(_BY_TYPE)
    if unknown:
        raise text.wrong(f"layer_types has {', '.join(sorted(unknown))}", "layer_types")
    return [_BY_TYPE[name] for name in types]


def _gemma3(text: ModelConfig, index: int) -> Mixer:
    every = text.extent("sliding_window_pattern", "_sliding_window_pattern", default=6)
    return Mixer.FULL if (index + 1) % every == 0 else Mixer.SLIDING


def _gemma4(text: ModelConfig, index: int) -> Mixer:
    last = text.count("num_hidden_layers") - 1
    return Mixer.FULL if index == last else _gemma3(text, index)


def _cohere2(text: ModelConfig, index: int) -> Mixer:
    every = text.extent("sliding_window_pattern", default=4)
    return Mixer.FULL if (index + 1) % every == 0 else Mixer.SLIDING


def _llama4(text: ModelConfig, index: int) -> Mixer:
    """Layers without rotary positions attend to everything; `no_rope_layers` has 0 for them."""
    marks = text.counts("no_rope_layers")
    every = text.extent("no_rope_layer_interval", default=4)
    chunked = bool(marks[index]) if index < len(marks) else (index + 1) % every != 0
    return Mixer.CHUNKED if chunked and "attention_chunk_size" in text else Mixer.FULL


def _jamba(text: ModelConfig, index: int) -> Mixer:
    period = text.extent("attn_layer_period", default=8)
    offset = text.count("attn_layer_offset", default=4)
    return Mixer.FULL if index % period == offset else Mixer.MAMBA1


def _bamba(text: ModelConfig, index: int) -> Mixer:
    return Mixer.FULL if index in text.counts("attn_layer_indices") else Mixer.MAMBA2


def _interval(text: ModelConfig, index: int) -> Mixer:
    return Mixer.FULL if (index + 1) % text.extent("full_attention_interval", default=4) == 0 else Mixer.DELTA


_PATTERNS: dict[str, Callable[[ModelConfig, int], Mixer]] = {
    "gemma2": lambda text, index: Mixer.FULL if index % 2 else Mixer.SLIDING,
    "gemma3": _gemma3,
    "gemma3_text": _gemma3,
    "gemma4_text": _gemma4,
    "gemma4_unified_text": _gemma4,
    "cohere2": _cohere2,
    "gpt_oss": lambda text, index: Mixer.FULL if index % 2 else Mixer.SLIDING,
    "llama4_text": _llama4,
    "jamba": _jamba,
    "bamba": _bamba,
    "mamba": lambda text, index: Mixer.MAMBA1,
    "falcon_mamba": lambda text, index: Mixer.MAMBA1,
    "mamba2": lambda text, index: Mixer.MAMBA2,
    "qwen3_next": _interval,
    "qwen3_5_text": _interval,
    "qwen3_5_moe_text": _interval,
}
_WINDOWS = {
    "gemma2": 4096,
    "gemma3": 4096,
    "gemma3_text": 4096,
    "gemma4_text": 512,
    "gemma4_unified_text": 512,
    "gpt_oss": 128,
    "cohere2": 4096,
}


def _window(text: ModelConfig, model_type: str, mixers: list[Mixer]) -> int:
    """The window in tokens; 0 where no layer has one. Qwen's is off unless `use_sliding_window` says otherwise."""
    if any(mixer is Mixer.CHUNKED for mixer in mixers):
        return text.extent("attention_chunk_size", default=8192)
    if model_type.startswith("qwen") and not text.flag("use_sliding_window"):
        return 0
    if any(mixer is Mixer.SLIDING for mixer in mixers):
        return text.count("sliding_window", default=_WINDOWS.get(model_type, 4096))
    interleaved = len(set(mixers)) > 1 or "layer_types" in text
    return 0 if interleaved or any(not mixer.attends for mixer in mixers) else text.count("sliding_window", default=0)


def _feeds(text: ModelConfig, model_type: str, count: int, *, experts: bool) -> list[Feed]:
    if model_type in ("mamba", "mamba2", "falcon_mamba"):
        return [Feed.NONE] * count
    if not experts:
        return [Feed.DENSE] * count
    return [Feed.EXPERTS if _has_experts(text, model_type, index) else Feed.DENSE for index in range(count)]


def _has_experts(text: ModelConfig, model_type: str, index: int) -> bool:
    if model_type == "jamba":
        period, offset = text.extent("expert_layer_period", default=2), text.count("expert_layer_offset", default=1)
        return index % period == offset
    if model_type == "llama4_text":
        listed = text.counts("moe_layers")
        return index in listed if listed else (index + 1) % text.extent("interleave_moe_layer_step", default=1) == 0
    if index < text.count("first_k_dense_replace", "moe_layer_start_index", "num_dense_layers", default=0):
        return False
    if index in text.counts("mlp_only_layers"):
        return False
    if model_type.startswith("qwen"):
        return (index + 1) % max(1, text.count("decoder_sparse_step", default=1)) == 0
    frequency = text.values.get("moe_layer_freq", 1)
    return index % frequency == 0 if isinstance(frequency, int) and frequency else True


def _width(text: ModelConfig, model_type: str) -> int:
    """The width of a dense feed-forward."""
    if model_type in ("granitemoehybrid", "granitemoeshared") and not text.count("num_local_experts", default=0):
        return text.count("shared_intermediate_size", "intermediate_size")
    if model_type == "lfm2":
        return _lfm2_width(text)
    hidden = hidden_width(text)
    names = ("intermediate_size_mlp", "intermediate_size", "ffn_hidden_size", "n_inner", "ffn_dim", "decoder_ffn_dim")
    return text.count(*names, default=4 * hidden)


def _lfm2_width(text: ModelConfig) -> int:
    width = text.count("block_ff_dim", "intermediate_size")
    if not text.flag("block_auto_adjust_ff_dim", default=True):
        return width
    multiple = text.extent("block_multiple_of", default=256)
    factor = text.values.get("block_ffn_dim_multiplier") or 1.0
    if not isinstance(factor, int | float) or factor < 0:
        raise text.wrong(f"block_ffn_dim_multiplier is {factor!r}, which cannot be", "block_ffn_dim_multiplier")
    scaled = int(factor * int(2 * width / 3))
    return -(-scaled // multiple) * multiple
