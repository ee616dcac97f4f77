"""Two autoscalers pull at one workload.

What it finds
    More than one HorizontalPodAutoscaler or ScaledObject for the same target.

Why it matters
    KEDA makes an HPA of its own; with a second one the replicas go up by one and down by the other, and pods are
    started and stopped without end. KEDA's admission webhook refuses it where it is installed.

Evidence
    The targets.

Fix
    Keep one; a ScaledObject takes several triggers.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Seen, seen_servers
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, seen_servers)
def two_autoscalers(seen: Seen) -> Iterator[Flaw]:
    item = seen.server.object
    scalers = seen.manifests.autoscalers(item)
    for scaler in scalers[1:]:
        yield Flaw(
            scaler,
            (*scaler.path, "spec", "scaleTargetRef"),
            f"{scaler} and {scalers[0]} both scale {item.name}",
            "keep one of them, with all the triggers",
        )
