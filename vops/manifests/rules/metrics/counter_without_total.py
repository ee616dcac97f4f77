"""A counter is asked for without `_total`.

What it finds
    A vLLM counter in a query by the name that the code gives it, without `_total`.

Why it matters
    The metrics page always shows counters with `_total`. The query selects nothing: an alert never fires, an
    autoscaler sees 0.

Evidence
    The query.

Fix
    Add `_total`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import queries
from vops.manifests.metric_names import COUNTERS
from vops.manifests.queries import Query, metrics_in
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, queries)
def counter_without_total(query: Query) -> Iterator[Flaw]:
    for name in dict.fromkeys(metric.name for metric in metrics_in(query.text)):
        if name in COUNTERS:
            yield Flaw(
                query.object,
                query.path,
                f"vllm:{name} selects nothing: the counter is shown as vllm:{name}_total",
                f"write vllm:{name}_total",
            )
