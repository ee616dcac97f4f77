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

from vops.diagnosis import deaths, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_MISMATCH = re.compile(
    r"Quantization method specified in the model config|Unknown quantization method"
    r"|quantization method \S{1,60} is not supported"
)


@rule(cause="quantization-mismatch", branch=Branch.DIED, needs={Source.LOGS}, order=26)
def quantization_mismatch(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _MISMATCH)
    if hit is None:
        return None
    return Verdict(
        summary=f"{deaths.model_of(replica)} cannot be loaded with the quantization that was asked for",
        evidence=deaths.shown(replica, hit),
        confidence=deaths.confidence(replica),
        fixes=(
            remedies.by_steps(
                replica, "Let vLLM choose", ("Remove --quantization: vLLM reads the method from the model's config.",)
            ),
        ),
    )
