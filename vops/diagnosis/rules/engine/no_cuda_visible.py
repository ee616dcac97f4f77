"""vLLM finds no GPU in its container.

What it finds
    No CUDA device for the process: no platform detected, or a rank beyond 0 devices.

Why it matters
    The container got no GPU: no limit in the pod, the wrong runtime class, or CUDA_VISIBLE_DEVICES set by hand.

Evidence
    The error and the container's GPU limit.

Fix
    By hand: ask for a GPU in resources.limits, or see to the node's runtime.
"""

from __future__ import annotations

import re

from vops.diagnosis import deaths, evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_NO_GPU = re.compile(
    r"Failed to infer device type|out of bounds for 0 devices|No CUDA GPUs are available"
    r"|no CUDA-capable device is detected|Found no NVIDIA driver on your system"
)


@rule(cause="no-cuda-visible", branch=Branch.DIED, needs={Source.LOGS}, order=19)
def no_cuda_visible(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _NO_GPU)
    if hit is None:
        return None
    asks = replica.gpu_count
    step = (
        "See that the node's container runtime hands GPUs on (runtimeClassName, CDI), and unset CUDA_VISIBLE_DEVICES."
        if asks or not replica.observed
        else "Add a GPU to resources.limits (nvidia.com/gpu: 1), and the toleration that GPU nodes need."
    )
    return Verdict(
        summary=f"{replica.name} sees no GPU" + (": it does not ask for one" if replica.observed and not asks else ""),
        evidence=(*deaths.shown(replica, hit), evidence.container_field(replica, "resources.limits", f"{asks} GPUs")),
        confidence=deaths.confidence(replica),
        fixes=(remedies.by_steps(replica, "Give the container a GPU", (step,)),),
    )
