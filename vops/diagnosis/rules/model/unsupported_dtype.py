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
from vops.model.snapshot import Source

_DTYPE = re.compile(
    r"Bfloat16 is only supported on GPUs with compute capability|torch\.bfloat16 is not supported", re.IGNORECASE
)


@rule(cause="unsupported-dtype", branch=Branch.DIED, needs={Source.LOGS}, order=26)
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
