"""GPUs are requested in a way that the API server refuses.

What it finds
    A container that requests GPUs without a limit, or with another number than its limit.

Why it matters
    Extended resources cannot be overcommitted: the pod is rejected, and a Deployment makes none.

Evidence
    `resources.requests` and `resources.limits`.

Fix
    Put the GPUs into limits; the request follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import pods
from vops.manifests.objects import dig, mapping, mappings, text
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import PodTemplate, is_accelerator


@rule(Severity.ERROR, pods)
def gpu_request_limit(pod: PodTemplate) -> Iterator[Flaw]:
    for at, container in mappings(pod.spec.get("containers")):
        limits = mapping(dig(container, "resources", "limits"))
        for name, amount in mapping(dig(container, "resources", "requests")).items():
            if is_accelerator(name) and text(limits.get(name)) != text(amount):
                there = f"its limit is {text(limits[name])}" if name in limits else "has no limit for it"
                yield Flaw(
                    pod.object,
                    pod.field("containers", at, "resources", "requests", name),
                    f"{pod.object.name} requests {text(amount)} {name} and {there}: the API server refuses the pod",
                    f"set limits to {name}: {text(amount)} and leave the request out",
                )
