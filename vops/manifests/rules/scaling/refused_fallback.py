"""A fallback that KEDA refuses.

What it finds
    A `fallback` in a ScaledObject none of whose triggers has metricType AverageValue.

Why it matters
    KEDA computes the fallback from a value per replica, and refuses it otherwise: the ScaledObject does not get
    ready, and nothing scales.

Evidence
    The fallback, and the triggers' metric types; formulas of scaling modifiers are left alone.

Fix
    Give one trigger metricType AverageValue, on a sum, or drop the fallback.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import scaled_objects
from vops.manifests.objects import Object, mappings, text
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, scaled_objects)
def refused_fallback(item: Object) -> Iterator[Flaw]:
    triggers = [trigger for _, trigger in mappings(item.get("spec", "triggers"))]
    others = [trigger for trigger in triggers if text(trigger.get("type")) not in ("cpu", "memory")]
    if not item.get("spec", "fallback") or item.get("spec", "advanced", "scalingModifiers") or not triggers:
        return
    if not any((text(trigger.get("metricType")) or "AverageValue") == "AverageValue" for trigger in others):
        yield Flaw(
            item,
            (*item.path, "spec", "fallback"),
            "KEDA refuses a fallback without a trigger of metricType AverageValue",
            "give one trigger metricType AverageValue, on a sum, or drop the fallback",
        )
