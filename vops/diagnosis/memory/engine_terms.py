"""Room on the GPU in the terms of the engine that wrote a log: none of vLLM's flags means anything to another."""

from __future__ import annotations

import re

import msgspec

from vops.diagnosis.facts import Replica
from vops.model.patterns import lazy_pattern

LLAMA_WEIGHTS = (
    "Load a smaller quantization of the model, or give it a GPU with more memory, or more GPUs (llama.cpp: "
    "--tensor-split; TensorRT-LLM: build with a higher --tp_size).",
    "llama.cpp and Ollama: put fewer layers on the GPU (--n-gpu-layers, num_gpu) and shorten the context "
    "(--ctx-size, num_ctx).",
)


class Terms(msgspec.Struct, frozen=True):
    """What an engine's logs have, and what to do where it ran out with its weights, or with what comes after them."""

    sign: re.Pattern[str]
    weights: tuple[str, ...]
    serving: tuple[str, ...]


_VLLM = lazy_pattern(r"vllm", re.IGNORECASE)
_SGLANG = lazy_pattern(r"\bsglang(?:[/.](?:srt|launch)| serve\b)")
"""SGLang's own lines, which may name what it takes from vLLM."""

_TERMS = (
    Terms(
        lazy_pattern(r"\bggml_\w|llama-server\b|llama_model_load|\b[Oo]llama\b"),
        LLAMA_WEIGHTS,
        (
            "Lower --ctx-size (num_ctx) or --parallel (OLLAMA_NUM_PARALLEL), or store the cache smaller "
            "(--cache-type-k q8_0).",
            "Or put fewer layers on the GPU (--n-gpu-layers, num_gpu).",
        ),
    ),
    Terms(
        _SGLANG,
        (
            "Use more GPUs (--tp) and set the GPU limit to as many, or load a quantized model.",
            "--mem-fraction-static does not help: it acts on weights and cache together.",
        ),
        (
            "Lower --mem-fraction-static (what --gpu-memory-utilization is to vLLM), so that activations have room;",
            "or lower --chunked-prefill-size, --max-running-requests or --cuda-graph-max-bs.",
        ),
    ),
    Terms(
        lazy_pattern(r"text_generation_(?:launcher|server|router)|text-generation-(?:launcher|inference)"),
        ("Use more GPUs (--num-shard) and set the GPU limit to as many, or load a quantized model (--quantize).",),
        ("Lower --max-batch-prefill-tokens or --max-total-tokens, or --cuda-memory-fraction.",),
    ),
)


def other_engine(replica: Replica) -> Terms | None:
    """The terms of the engine that a log is of; None where it is vLLM's, or says nothing of any."""
    found = replica.log_source(previous=replica.death_log_is_previous)
    if found is None or (_VLLM.search(found.text) and not _SGLANG.search(found.text)):
        return None
    return next((item for item in _TERMS if item.sign.search(found.text)), None)
