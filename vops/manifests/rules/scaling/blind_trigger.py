"""An autoscaler that takes no data for no load.

What it finds
    A KEDA Prometheus trigger that ignores null values, which is the default, without a fallback.

Why it matters
    A label that is wrong, a renamed metric or a scrape that fails gives an empty answer; it counts as 0, and the
    workload stays at its floor under any load, without an error anywhere.

Evidence
    The trigger's metadata.

Fix
    `ignoreNullValues: "false"` with a `fallback`, and an alert on `absent(…)`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import scaling_queries
from vops.manifests.objects import dig, text
from vops.manifests.queries import Query
from vops.manifests.rule import Flaw, rule


@rule(Severity.INFO, scaling_queries)
def blind_trigger(query: Query) -> Iterator[Flaw]:
    if text(dig(query.trigger, "metadata", "ignoreNullValues")).lower() == "false":
        return
    yield Flaw(
        query.object,
        query.path,
        "an empty answer counts as 0, so a wrong label or a failed scrape looks like no load",
        'set ignoreNullValues: "false" in the trigger and a fallback in the ScaledObject',
    )
