"""A metric type that KEDA refuses for this trigger.

What it finds
    `metricType: Utilization` on a trigger other than cpu and memory.

Why it matters
    KEDA accepts Utilization for cpu and memory only: the ScaledObject never gets ready, and nothing scales.

Evidence
    The trigger's type and metric type.

Fix
    AverageValue for a sum that grows with load, Value for a share.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import scaled_objects
from vops.manifests.objects import Object, mappings, text
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, scaled_objects)
def refused_metric_type(item: Object) -> Iterator[Flaw]:
    for at, trigger in mappings(item.get("spec", "triggers")):
        kind = text(trigger.get("type"))
        if text(trigger.get("metricType")) == "Utilization" and kind not in ("cpu", "memory"):
            yield Flaw(
                item,
                (*item.path, "spec", "triggers", at, "metricType"),
                f"KEDA refuses metricType Utilization for a {kind} trigger",
                "use AverageValue for a sum, Value for a share",
            )
