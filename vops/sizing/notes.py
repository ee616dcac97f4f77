"""What else an engineer must know before starting: dtypes and quantizations a card lacks, links, what was assumed.

Sources: vLLM's quantization configs (`get_min_capability`), config/model.py (bfloat16 needs compute capability 8.0).
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.sizing.capacity import GIB, Sizing, Verdict
from vops.sizing.modelconfig import ModelConfig

_LEAST_CAPABILITY = {
    "awq": (7, 5),
    "gptq": (7, 5),
    "fp8": (7, 5),
    "compressed-tensors": (7, 5),
    "bitsandbytes": (7, 0),
    "mxfp4": (8, 0),
    "nvfp4": (7, 5),
    "modelopt": (8, 9),
}
_NATIVE_FP4 = (10, 0)
OLDEST = (7, 0)
AUTO_HALF_SINCE = (0, 9, 0)


def notes(sizing: Sizing, config: ModelConfig, *, known: bool) -> tuple[str, ...]:
    """Sentences, the most important first."""
    found = [*_refusals(sizing, config), *_warnings(sizing), *_assumptions(sizing, config, known=known)]
    return tuple(found)


def _refusals(sizing: Sizing, config: ModelConfig) -> Iterator[str]:
    card, version = sizing.card, sizing.asked.version
    if sizing.obstacle:
        yield sizing.obstacle
    if card.capability < OLDEST:
        yield f"vLLM needs compute capability 7.0; the {card.name} has {_dotted(card.capability)}"
    if not card.bf16 and _dtype(config, sizing.asked.dtype) == "bfloat16":
        must = version is not None and version < AUTO_HALF_SINCE
        yield f"the {card.name} has no bfloat16: " + (
            "add --dtype half, or the start fails" if must else "it runs in float16 (--dtype half says so)"
        )
    scheme = sizing.asked.quantization or sizing.model.quantization.name
    least = _LEAST_CAPABILITY.get(scheme, (0, 0))
    if card.capability < least:
        yield f"{scheme} needs compute capability {_dotted(least)}; the {card.name} has {_dotted(card.capability)}"


def _dtype(config: ModelConfig, asked: str) -> str:
    if asked != "auto":
        return asked
    text = config.text_model()
    return text.word("torch_dtype", "dtype") or config.word("torch_dtype", "dtype")


def _dotted(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"


def _warnings(sizing: Sizing) -> Iterator[str]:
    card, settings = sizing.card, sizing.settings
    if settings.parallelism.tensor > 1 and not card.nvlink_gbs:
        yield f"the {card.name} has no NVLink: tensor parallel traffic goes over PCIe"
    scheme = sizing.asked.quantization or sizing.model.quantization.name
    if scheme in ("nvfp4", "modelopt_fp4") and card.capability < _NATIVE_FP4:
        yield f"the {card.name} has no FP4 arithmetic: {scheme} saves memory, not time"
    if scheme == "fp8" and not card.fp8:
        yield f"the {card.name} has no FP8 arithmetic: {scheme} saves memory, not time"
    if settings.max_model_len > sizing.model.max_length:
        yield f"--max-model-len {settings.max_model_len} is beyond the model's {sizing.model.max_length}"
    if not sizing.overhead.graphs_in_budget and sizing.overhead.graph_bytes:
        outside = card.memory_bytes - sizing.budget_bytes
        size = sizing.overhead.graph_bytes / GIB
        tight = "and there may not be room for them" if outside < sizing.overhead.graph_bytes else "outside the budget"
        yield f"CUDA graphs take {size:.1f} GiB more after the KV cache, {tight}"
    if sizing.verdict is Verdict.TIGHT:
        yield "the KV cache is smaller than what a prediction can promise: it may start, and serve one request"


def _assumptions(sizing: Sizing, config: ModelConfig, *, known: bool) -> Iterator[str]:
    card = sizing.card
    if sizing.measured:
        yield f"measured by a start recorded {sizing.measured.at}".rstrip()
    if not known:
        kind = config.text_model().word("model_type") or "unnamed"
        yield f"model type {kind} is not modelled: sized as a Llama-like decoder; --weights-bytes corrects the weights"
    if sizing.settings.parallelism.data > 1:
        yield "each data parallel rank has a KV cache of its own; tokens and requests are of one"
    if sizing.asked.version is None:
        yield "for the newest vLLM that vops knows; --vllm VERSION for another"
    if card.name == "GB10":
        yield "the GB10 shares its memory with the host: what the host uses, page cache included, comes off"
    if sizing.model.multimodal and not sizing.model.encoder_peak:
        yield "the vision or audio encoder's profiling run is not in the activation peak"
