"""An autoscaler follows the GPU's duty cycle or its memory.

What it finds
    An autoscaler's query on DCGM_FI_DEV_GPU_UTIL, on framebuffer use, or on GR_ENGINE_ACTIVE.

Why it matters
    The duty cycle is near 100 % with one running sequence or with fifty, so it says nothing about how much more fits
    in; memory is reserved at the start and never falls. On a shared card both are those of the card, not of the pod.

Evidence
    The query.

Fix
    Scale on the queue (`vllm:num_requests_waiting`) and on concurrency (running + waiting).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import scaling_queries
from vops.manifests.queries import Query
from vops.manifests.rule import Flaw, rule

_POOR = re.compile(r"DCGM_FI_(?:DEV_GPU_UTIL|DEV_FB_\w+|DEV_MEM_COPY_UTIL|PROF_GR_ENGINE_ACTIVE)\b")


@rule(Severity.WARNING, scaling_queries)
def gpu_utilization_signal(query: Query) -> Iterator[Flaw]:
    found = _POOR.search(query.text)
    if found is not None:
        yield Flaw(
            query.object,
            query.path,
            f"{found[0]} does not tell one running sequence from fifty: it is no signal to scale on",
            "scale on vllm:num_requests_waiting, and on running + waiting for concurrency",
        )
