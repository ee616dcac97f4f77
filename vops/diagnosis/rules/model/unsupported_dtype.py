"""The GPU cannot compute in the number format that was asked for.

What it finds
    bfloat16 on a GPU below compute capability 8.0 (T4, V100), 8-bit floating point below 8.9, float16 for a model whose
    numbers are too large for it.

Why it matters
    vLLM 0.12 and newer fall back with dtype `auto`; an explicit flag or an older version fails.

Evidence
    The error, which names the GPU.

Fix
    `fix-dtype`, else by hand: --dtype half, or the format that the message allows.
"""

from __future__ import annotations

import re
from typing import Any

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_DTYPE = lazy_pattern(
    r"Bfloat16 is only supported on GPUs with compute capability|bfloat16 is not supported|does not support float16"
    r"|fp8e4nv not supported|type fp8e4\w{0,3} not supported|not implemented for '(?:Half|BFloat16|Float8_e4m3fn)'"
    r"|should either all have the same dtype|expected scalar type (?:Half|BFloat16|Float) but found|Unknown dtype"
    r"|not supported for quantization method \w{1,40}\. Supported dtypes"
    r"|fp8.{0,80}(?:only supported|requires?).{0,60}(?:compute capability|Hopper|Ada|SM ?[89])"
    r"|bfloat16 accuracy known issue|bf16 is only supported|Feature '\.bf16'|Feature 'cvt with \.f32\.bf16' requires",
    re.IGNORECASE,
)


_IN_8_BITS = ("kv-cache-dtype", "quantization")
_FLOAT8 = lazy_pattern(r"fp8|float8|e4m3|e4nv", re.IGNORECASE)


@rule(cause="unsupported-dtype", branch=Branch.DIED, needs={Source.LOGS}, order=26, signature=_DTYPE)
def unsupported_dtype(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _DTYPE)
    if hit is None:
        return None
    summary, step, flags = _said(replica, hit[0].text)
    return deaths.verdict(replica, hit, summary, _fix(replica, step, flags))


def _fix(replica: Replica, step: str, flags: dict[str, Any]) -> Fix:
    title = "Compute in a format that works"
    if not flags:
        return deaths.steps(replica, title, step)
    params = {"container": replica.container.name, "flags": flags}
    return remedies.runbook(replica, "fix-dtype", title, Applicability.SAFE, params, by_hand=(step,), notes=(step,))


def _said(replica: Replica, text: str) -> tuple[str, str, dict[str, Any]]:
    """The summary, the step, and the flags that come of it."""
    if _FLOAT8.search(text):
        return (
            f"The GPU of {replica.name} cannot compute in 8-bit floating point",
            "Remove --kv-cache-dtype fp8 and --quantization fp8 (or use an AWQ model), or use a GPU of 8.9 or higher.",
            {name: None for name in _IN_8_BITS if _in_8_bits(replica, name)},
        )
    if "does not support float16" in text:
        return (
            f"{deaths.the_model(replica)} cannot be computed in float16",
            "Set --dtype bfloat16 on a GPU of compute capability 8.0 or higher, else --dtype float32.",
            {"dtype": "bfloat16"},
        )
    if "Unknown dtype" in text:
        return (
            f"{replica.name} asks for a number format that vLLM does not have",
            "Set --dtype auto, or half.",
            {"dtype": "auto"},
        )
    return f"The GPU of {replica.name} cannot compute in bfloat16", "Add --dtype half.", {"dtype": "half"}


def _in_8_bits(replica: Replica, name: str) -> bool:
    flag = replica.args.location(name)
    return flag is not None and (flag.value or "").startswith("fp8")
