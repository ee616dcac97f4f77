"""The parallelism that was asked for does not go with the GPUs of the pod, or with the model's heads.

What it finds
    A world size (tensor × pipeline parallel) larger than the GPUs in the container, or attention heads that the tensor
    parallel size does not divide.

Why it matters
    The flag and resources.limits are set in two places, and only together do they make sense.

Evidence
    vLLM's numbers against the container's GPU limit.

Fix
    By hand: ask for as many GPUs as the world size, or use a divisor of the heads.
"""

from __future__ import annotations

import re

from vops.diagnosis import deaths, evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_MISMATCH = re.compile(
    r"World size \((?P<world>\d{1,5})\) is larger than the number of available GPUs \((?P<gpus>\d{1,5})\)"
    r"|attention heads \((?P<heads>\d{1,5})\) must be divisible by tensor parallel size \((?P<tp>\d{1,5})\)"
    r"|local rank \d{1,5} is out of bounds for (?P<devices>[1-9]\d{0,4}) devices"
    r"|Unable to load Ray which is required for multi-node inference",
    re.ASCII,
)


@rule(cause="tp-mismatch", branch=Branch.DIED, needs={Source.LOGS}, order=24)
def tp_mismatch(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _MISMATCH)
    if hit is None:
        return None
    summary, step = _said(replica, hit[1])
    has = replica.gpu_count
    return Verdict(
        summary=summary,
        evidence=(*deaths.shown(replica, hit), evidence.container_field(replica, "resources.limits", f"{has} GPUs")),
        confidence=deaths.confidence(replica),
        fixes=(remedies.by_steps(replica, "Make parallelism and GPUs agree", (step,)),),
    )


def _said(replica: Replica, match: re.Match[str]) -> tuple[str, str]:
    """The summary and the step that go with vLLM's message."""
    if match["heads"]:
        heads, tp = int(match["heads"]), int(match["tp"])
        best = max((size for size in range(1, min(tp, heads) + 1) if heads % size == 0), default=1)
        return (
            f"{tp} GPUs cannot share {heads} attention heads evenly",
            f"Set --tensor-parallel-size {best} (a divisor of {heads}) and resources.limits to as many GPUs.",
        )
    world = match["world"] or str(replica.args.gpus)
    gpus = match["gpus"] or match["devices"] or str(replica.gpu_count)
    return (
        f"{replica.name} runs on {gpus} GPU(s), and its parallelism asks for {world}",
        f"Set resources.limits to {world} GPUs, or --tensor-parallel-size to {gpus}.",
    )
