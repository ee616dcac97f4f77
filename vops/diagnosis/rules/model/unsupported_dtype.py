"""The GPU cannot compute in the number format that was asked for.

What it finds
    bfloat16 on a GPU below compute capability 8.0 (T4, V100).

Why it matters
    vLLM 0.12 and newer fall back with dtype `auto`; an explicit flag or an older version fails.

Evidence
    The error, which names the GPU.

Fix
    By hand: --dtype half.
"""

from __future__ import annotations

import re

from vops.diagnosis import deaths, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_DTYPE = lazy_pattern(
    r"Bfloat16 is only supported on GPUs with compute capability|bfloat16 is not supported|does not support float16"
    r"|fp8e4nv not supported|type fp8e4\w{0,3} not supported|not implemented for '(?:Half|BFloat16|Float8_e4m3fn)'"
    r"|Unknown dtype|not supported for quantization method \w{1,40}\. Supported dtypes"
    r"|fp8.{0,80}(?:only supported|requires?).{0,60}(?:compute capability|Hopper|Ada|SM ?[89])"
    r"|bf16 is only supported|Feature '\.bf16'|Feature 'cvt with \.f32\.bf16' requires",
    re.IGNORECASE,
)


@rule(cause="unsupported-dtype", branch=Branch.DIED, needs={Source.LOGS}, order=26, signature=_DTYPE)
def unsupported_dtype(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _DTYPE)
    if hit is None:
        return None
    return Verdict(
        summary=f"The GPU of {replica.name} cannot compute in bfloat16",
        evidence=deaths.shown(replica, hit),
        confidence=deaths.confidence(replica),
        fixes=(remedies.by_steps(replica, "Compute in half precision", ("Add --dtype half.",)),),
    )
