"""How a checkpoint's or a flag's quantization stores matrices, by bytes.

A scheme says how many bits an element takes and what is kept beside it for a group along the input, for an output
channel, or for a block. Sources: vLLM's model_executor/layers/quantization/*.py and the checkpoints' own
`quantization_config` (and ModelOpt's `hf_quant_config`).
"""

from __future__ import annotations

import msgspec

from vops.errors import InputError, UsageError
from vops.sizing.modelconfig import ModelConfig


class Quantization(msgspec.Struct, frozen=True):
    """One scheme: `bits` of an element; `group` inputs that share `group_bits` more, 0 for none; `channel_bytes` of an
    output channel; the side of a `block` with a float32 scale, 0 for none.

    `experts_only` and `skipped` (patterns of module names) say what it leaves alone, `includes_head` that it takes the
    output head too; `padded` and `padded_hidden` are the multiples that kernels round an expert's width and its
    hidden size up to. `cache` is the KV cache's dtype that the checkpoint asks for, empty for the model's own.
    """

    name: str = ""
    bits: float = 16
    group: int = 0
    group_bits: int = 0
    channel_bytes: int = 0
    block: int = 0
    experts_only: bool = False
    skipped: tuple[str, ...] = ()
    includes_head: bool = False
    padded: int = 0
    padded_hidden: int = 0
    cache: str = ""

    @property
    def active(self) -> bool:
        return bool(self.name)

    def bytes_of(self, rows: int, columns: int) -> float:
        """Bytes of a matrix of `rows` outputs × `columns` inputs."""
        size = rows * columns * self.bits / 8
        if self.group:
            size += rows * -(-columns // self.group) * self.group_bits / 8
        if self.block:
            size += -(-rows // self.block) * -(-columns // self.block) * 4
        return size + rows * self.channel_bytes


_FLOAT_SCALE = 4
_LEFT_ALONE = ("modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules")
_BY_NAME: dict[str, Quantization] = {
    "fp8": Quantization("fp8", 8),
    "fp8_per_tensor": Quantization("fp8", 8),
    "fp8_per_block": Quantization("fp8", 8, block=128),
    "fbgemm_fp8": Quantization("fbgemm_fp8", 8, channel_bytes=_FLOAT_SCALE),
    "ptpc_fp8": Quantization("ptpc_fp8", 8, channel_bytes=_FLOAT_SCALE),
    "modelopt": Quantization("modelopt", 8),
    "experts_int8": Quantization("experts_int8", 8, channel_bytes=_FLOAT_SCALE, experts_only=True),
    "int8": Quantization("int8", 8, channel_bytes=_FLOAT_SCALE),
    "awq": Quantization("awq", 4, group=128, group_bits=20),
    "gptq": Quantization("gptq", 4, group=128, group_bits=20),
    "bitsandbytes": Quantization("bitsandbytes", 4, group=64, group_bits=32),
    "nvfp4": Quantization("nvfp4", 4, group=16, group_bits=8),
    "modelopt_fp4": Quantization("modelopt_fp4", 4, group=16, group_bits=8),
    "mxfp4": Quantization("mxfp4", 4, group=32, group_bits=8, experts_only=True, padded=256),
    "mxfp8": Quantization("mxfp8", 8, group=32, group_bits=8),
    "gguf": Quantization("gguf", 4.85, includes_head=True),
    "torchao": Quantization("torchao", 8, channel_bytes=_FLOAT_SCALE),
}
_SYNONYMS = {
    "awq_marlin": "awq",
    "auto_awq": "awq",
    "gptq_marlin": "gptq",
    "auto_gptq": "gptq",
    "gptq_bitblas": "gptq",
    "bnb": "bitsandbytes",
    "fp4": "nvfp4",
    "modelopt_mixed": "modelopt_fp4",
    "modelopt_mxfp8": "mxfp8",
    "quark": "fp8",
    "gpt_oss_mxfp4": "mxfp4",
    "w8a8": "int8",
}
NONE = Quantization()
_MXFP4_PADDING = {8: (128, 256), 9: (256, 0)}
"""By compute capability: Marlin's on Ampere and Ada, Triton's on Hopper; otherwise that of TensorRT-LLM's kernels."""
_TRTLLM_PADDING = (256, 256)


def quantization_names() -> tuple[str, ...]:
    """What `--quantization` may be called here."""
    return tuple(sorted({*_BY_NAME, *_SYNONYMS, "none"}))


def named(name: str) -> Quantization:
    """The scheme of a `--quantization` value. Raises UsageError naming those that are known."""
    wanted = name.strip().lower()
    if wanted in ("none", ""):
        return NONE
    found = _BY_NAME.get(_SYNONYMS.get(wanted, wanted))
    if found is None:
        raise UsageError(f"--quantization {name!r} is not known", hint=f"one of {', '.join(quantization_names())}")
    return found


def on_card(scheme: Quantization, major: int) -> Quantization:
    """The scheme as the kernels of a card with compute capability `major` lay it out.

    Source: vLLM layers/fused_moe/oracle/mxfp4.py `mxfp4_round_up_hidden_size_and_intermediate_size`.
    """
    if scheme.name != "mxfp4":
        return scheme
    width, hidden = _MXFP4_PADDING.get(max(major, 8), _TRTLLM_PADDING)
    return msgspec.structs.replace(scheme, padded=width, padded_hidden=hidden)


def configured(config: ModelConfig) -> Quantization:
    """The scheme that a configuration declares; none where it declares none or one that is not known."""
    declared = config.part("quantization_config") or config.part("compression_config")
    if declared is None:
        return NONE
    method = declared.word("quant_method").lower()
    if method in ("compressed-tensors", "compressed_tensors"):
        return msgspec.structs.replace(_compressed_tensors(declared), cache="fp8" if _caches(declared) else "")
    scheme = _BY_NAME.get(_SYNONYMS.get(method, method))
    if scheme is None:
        raise InputError(f"quantization method {method!r} is not known", path=config.path, hint="use --weights-bytes")
    found = _adjusted(scheme, declared)
    return msgspec.structs.replace(found, cache=_caches(declared)) if method.startswith("modelopt") else found


def _caches(declared: ModelConfig) -> str:
    """The dtype that `--kv-cache-dtype auto` becomes (vLLM utils/torch_utils.py `resolve_kv_cache_dtype_string`)."""
    scheme = declared.part("kv_cache_scheme")
    if scheme is not None:
        return {8: "fp8", 4: "nvfp4"}.get(scheme.count("num_bits", default=0), "")
    algorithm = declared.word("kv_cache_quant_algo").lower()
    return algorithm if algorithm in ("fp8", "nvfp4") else ""


def _adjusted(scheme: Quantization, declared: ModelConfig) -> Quantization:
    """The scheme with the declared bits, groups and exceptions."""
    skipped = tuple(word for key in _LEFT_ALONE for word in declared.words(key))
    scheme = msgspec.structs.replace(scheme, skipped=skipped)
    if scheme.name in ("awq", "gptq"):
        bits, group = declared.count("bits", "w_bit", default=4), declared.values.get("group_size", 128)
        group = group if isinstance(group, int) and group > 0 else 0
        head = declared.values.get("lm_head") is True
        return msgspec.structs.replace(scheme, bits=bits, group=group, group_bits=16 + bits, includes_head=head)
    if scheme.name == "fp8" and (block := declared.counts("weight_block_size")):
        return msgspec.structs.replace(scheme, block=block[0])
    if scheme.name == "bitsandbytes" and declared.flag("load_in_8bit"):
        return msgspec.structs.replace(scheme, bits=8, group=0, channel_bytes=_FLOAT_SCALE)
    if scheme.name == "modelopt" and "FP4" in declared.word("quant_algo").upper():
        return msgspec.structs.replace(_BY_NAME["nvfp4"], skipped=skipped)
    return scheme


def _compressed_tensors(declared: ModelConfig) -> Quantization:
    """The first group's weights: `num_bits`, `type`, `strategy` and `group_size`."""
    groups = declared.part("config_groups")
    first = next(iter(groups.values), "") if groups is not None else ""
    weights = None if groups is None else (groups.part(first) or groups).part("weights")
    if weights is None:
        return NONE
    bits, kind = weights.count("num_bits", default=8), weights.word("type", default="int")
    group = weights.values.get("group_size")
    block = weights.counts("block_structure")
    scale_bits = 8 if kind == "float" and bits == 4 else 16
    return Quantization(
        name="compressed-tensors",
        bits=bits,
        group=group if isinstance(group, int) and group > 0 else 0,
        group_bits=scale_bits,
        channel_bytes=_FLOAT_SCALE if weights.word("strategy") == "channel" else 0,
        block=block[0] if block else 0,
        skipped=declared.words("ignore"),
    )
