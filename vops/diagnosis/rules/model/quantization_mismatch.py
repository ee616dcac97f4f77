"""The quantization that was asked for is not the one that the model has, or the GPU cannot do it.

What it finds
    vLLM's comparison of --quantization with the model's config, or of the method with the GPU's capability.

Why it matters
    Without the flag vLLM takes the method from the model: the flag is mostly unnecessary.

Evidence
    The error and the flag.

Fix
    By hand: leave --quantization out, or choose a method that the GPU supports.
"""

from __future__ import annotations

import re

from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_MISMATCH = lazy_pattern(
    r"Quantization method specified in the model config|[Uu]nknown quantization=|does not support (?:BNB|BitsAndBytes)"
    r"|quantization is currently not supported in|Unknown quantization method"
    r"|quantization method \S{1,60} is not supported|Cannot find the config file for (?:awq|gptq|\w{1,20}quant)"
    r"|Found multiple config files for \w|[Qq]uantization method \S{1,60} is deprecated"
    r"|only support 'bitsandbytes'|BitsAndBytes loader does not support|bitsandbytes.{0,80}not supported"
    r"|KeyError: '[^']{0,200}(?:absmax|quant_state|qweight|qzeros|g_idx|weight_scale|input_scale|scales)[^']{0,60}'"
    r"|Quantization scheme is not supported for"
    r"|Unsupported quantization config|quantization method is not specified in the config|Prequant BitsAndBytes"
    r"|Cannot find any of .{1,200} in the model's quantization config"
    r"|No (?:compatible )?(?:compressed-tensors )?(?:compatible )?scheme was"
    r"|(?:prob|size)_[mnk] ?= ?\d{1,9}(?: is)? not divisible by|min_thread_[nk]"
    r"|validation errors? for (?:Quantization|CompressedTensors|Compression|GPTQ|AWQ)\w{0,40}"
    r"|Failed to find a kernel that can implement the WNA16|Marlin.{0,200}not supported"
    r"|(?:[Ii]nt8|INT8) not supported for this architecture|KeyError: '[^']{1,200}\.SCB'"
    r"|size_k must divisible by BLOCK_SIZE_K|BLOCK_SIZE_K // group_size must be"
    r"|quantized model .{0,60}not supported|[Qq]uantiz\w{1,10} .{0,60}only supported on GPU|Unknown quantization type"
    r"|has no `quant_method` attribute|model is quantized with \w{1,60} but you are"
    r"|Did not found a `quantization_config`"
    r"|Only support quantization to |Invalid thread config: thread_m|bnb_quant_state"
    r"|does not support (?:native )?(?:NVFP4|FP8|fp8|MXFP4|AWQ|GPTQ)\b(?! KV)|(?<!dtype )(?:nvfp4|NVFP4|mxfp4"
    r"|MXFP4)(?! KV cache).{0,120}(?:not supported|requires)"
    r"|(?:Value|NotImplemented|Assertion|Runtime)Error: .{1,1500} @ (?:vllm/)?model_executor/layers/quantization/",
    re.DOTALL,
)


_CAPABILITY = lazy_pattern(r"Minimum capability: (\d{2,3})", re.ASCII)
_UNDECLARED = lazy_pattern(r"absmax|quant_state|BitsAndBytes|bitsandbytes")


@rule(cause="quantization-mismatch", branch=Branch.DIED, needs={Source.LOGS}, order=57, signature=_MISMATCH)
def quantization_mismatch(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _MISMATCH)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"The quantization of {deaths.model_of(replica)} cannot be used: {deaths.quoted(hit, 120)}",
        deaths.steps(replica, "Use a quantization that model, GPU and vLLM share", *_advice(hit[0].text)),
    )


def _advice(text: str) -> tuple[str, ...]:
    if capability := _CAPABILITY.search(text):
        return (
            f"Use a GPU of compute capability {int(capability[1]) / 10:.1f} or higher (A100 8.0, L4 8.9, H100 9.0),",
            "or a model quantized for this one: AWQ and GPTQ run on 7.5, bitsandbytes on 7.0.",
        )
    if _UNDECLARED.search(text):
        return (
            "Add --quantization bitsandbytes, where the weights were saved by it; or load the unquantized model.",
            "See quantization_config in the model's config.json: it must name the method of its weights.",
        )
    if "does not match" in text:
        return ("Remove --quantization: vLLM reads the method from the model's config.",)
    return (
        "Remove --quantization, so that vLLM reads the method from the model's config;",
        "where that fails too, use another quantization of the model, or an image with a newer vLLM.",
    )
