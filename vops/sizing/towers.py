"""What stands beside a decoder: vision towers, audio encoders, and an encoder-decoder's other half.

Towers are bounded by their transformer layers, patch embedding and projector; vLLM keeps them in the model's dtype,
split over the GPUs or copied, which makes little difference.
"""

from __future__ import annotations

import msgspec

from vops.sizing.architecture import Architecture
from vops.sizing.modelconfig import ModelConfig

_TOWERS = ("vision_config", "visual", "audio_config")
_LARGEST_IMAGE_KINDS = ("qwen3_vl", "qwen3_5")
LARGEST_IMAGE_TOKENS = 16_384
_GATED = frozenset({"pixtral", "qwen2_5_vl", "qwen2_5_vl_vision", "gemma4_vision"})


def tower_elements(config: ModelConfig, hidden: int) -> int:
    """Elements of every tower and its projector; 0 for a language model."""
    towers = (config.part(name) for name in _TOWERS if isinstance(config.values.get(name), dict))
    return sum(_tower(tower, config, hidden) for tower in towers if tower is not None)


def encoder_elements(config: ModelConfig) -> tuple[int, int]:
    """What profiling the largest image keeps alive, and the tokens it becomes; zeros where that is not known.

    vLLM encodes one image of the largest size before the language model runs. Qwen3-VL's and Qwen3.5's processors
    make 16,384 tokens of four patches; a block's feed-forward, its input and residual, the positions and the pixels
    are alive at once. Source: vLLM model_executor/models/qwen3_vl.py, v1/worker/gpu_model_runner.py `profile_run`.
    """
    tower = config.part("vision_config")
    if tower is None or not config.word("model_type").startswith(_LARGEST_IMAGE_KINDS):
        return 0, 0
    width, feed = tower.count("hidden_size"), tower.count("intermediate_size")
    side = tower.count("patch_size", default=16)
    pixels = tower.count("in_channels", default=3) * tower.count("temporal_patch_size", default=2) * side**2
    patches = LARGEST_IMAGE_TOKENS * tower.count("spatial_merge_size", default=2) ** 2
    return patches * (2 * feed + 3 * width + pixels), LARGEST_IMAGE_TOKENS


def _tower(tower: ModelConfig, config: ModelConfig, hidden: int) -> int:
    depth = tower.count("depth", "num_hidden_layers", "encoder_layers", default=0)
    width = tower.count("embed_dim", "d_model", "hidden_size", default=0)
    if not depth or not width:
        return 0
    kind = tower.word("model_type") or config.word("model_type")
    if kind in ("qwen2_5_vl", "qwen2_5_vl_vision"):
        width = tower.count("hidden_size")
    feed = tower.count("intermediate_size", "encoder_ffn_dim", default=_feed_width(tower, width))
    matrices = 3 if kind in _GATED else 2
    biases = 0 if kind == "pixtral" else 9 * width + feed
    blocks = depth * (4 * width * width + matrices * width * feed + biases)
    return blocks + _patches(tower, width) + _projector(tower, config, width, hidden, kind)


def _feed_width(tower: ModelConfig, width: int) -> int:
    ratio = tower.values.get("mlp_ratio", 4)
    return int(width * ratio) if isinstance(ratio, int | float) else 4 * width


def _patches(tower: ModelConfig, width: int) -> int:
    size = tower.count("patch_size", "spatial_patch_size", default=0)
    channels = tower.count("in_channels", "num_channels", "in_chans", "num_mel_bins", default=3)
    frames = tower.count("temporal_patch_size", default=1)
    image = tower.count("image_size", default=0) if "temporal_patch_size" not in tower else 0
    rows = (image // size) ** 2 if size and tower.word("model_type") != "pixtral" else 0
    return width * (channels * frames * size * size + rows + 1)


def _projector(tower: ModelConfig, config: ModelConfig, width: int, hidden: int, kind: str) -> int:
    """Qwen merges 2 × 2 patches and projects twice; Mistral merges and projects; Gemma projects once."""
    merged = tower.optional("spatial_merge_size") or config.count("spatial_merge_size", default=1)
    if kind.startswith("qwen"):
        joined = width * merged**2
        return joined * (joined + hidden) + joined + hidden
    if merged > 1:
        return merged**2 * width * width + width * hidden + hidden * hidden
    if config.word("model_type") in ("gemma3", "gemma4", "gemma4_unified"):
        return width * hidden
    return width * hidden + hidden * hidden


def cross_attention(decoder: Architecture, config: ModelConfig) -> Architecture:
    """Whisper: its encoder and the decoder's cross-attention, whose keys and values are kept for every request."""
    width = decoder.hidden
    depth = config.count("encoder_layers")
    feed = config.count("encoder_ffn_dim", default=4 * width)
    positions = config.count("max_source_positions", default=1500)
    mels = config.count("num_mel_bins", default=80)
    encoder = depth * (4 * width * width + 2 * width * feed + 8 * width + feed)
    convolutions = 3 * width * mels + 3 * width * width + 2 * width
    cross = len(decoder.layers) * (4 * width * width + 4 * width)
    return msgspec.structs.replace(
        decoder,
        extra=encoder + convolutions + cross + positions * width + 2 * width,
        cross_positions=positions,
        multimodal=True,
    )
