"""The manifest and an autoscaler both set the replicas.

What it finds
    `replicas` in a workload that a ScaledObject or HorizontalPodAutoscaler scales.

Why it matters
    Every `kubectl apply` puts the number back, so that replicas under load are taken away until the autoscaler asks
    for them again; each costs a cold start.

Evidence
    `spec.replicas`, and the autoscaler. Live objects always have the field and are left alone.

Fix
    Leave `replicas` out.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Seen, seen_servers
from vops.manifests.rule import Flaw, rule


@rule(Severity.INFO, seen_servers)
def replicas_beside_autoscaler(seen: Seen) -> Iterator[Flaw]:
    item = seen.server.object
    scalers = seen.manifests.autoscalers(item)
    if scalers and item.get("spec", "replicas") is not None and not item.is_live:
        yield Flaw(
            item,
            (*item.path, "spec", "replicas"),
            f"{scalers[0]} scales {item.name}, and every apply puts replicas back to {item.get('spec', 'replicas')}",
            "leave replicas out",
        )
