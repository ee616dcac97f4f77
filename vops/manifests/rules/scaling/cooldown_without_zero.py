"""A cooldown that has no effect.

What it finds
    `cooldownPeriod` in a ScaledObject whose `minReplicaCount` is 1 or more.

Why it matters
    The cooldown acts only on scaling from one replica to zero. How fast replicas go away above that is decided by the
    HPA's stabilisation window, which is 300 s by default and is not changed by it.

Evidence
    Both fields.

Fix
    Set `advanced.horizontalPodAutoscalerConfig.behavior.scaleDown` and drop the cooldown.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import scaled_objects
from vops.manifests.objects import Object, whole_number
from vops.manifests.rule import Flaw, rule


@rule(Severity.WARNING, scaled_objects)
def cooldown_without_zero(item: Object) -> Iterator[Flaw]:
    least = whole_number(item.get("spec", "minReplicaCount")) or 0
    if item.get("spec", "cooldownPeriod") is None or least < 1:
        return
    yield Flaw(
        item,
        (*item.path, "spec", "cooldownPeriod"),
        f"cooldownPeriod acts only on scaling to zero, and minReplicaCount is {least}",
        "set advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds instead",
    )
