"""A label that vLLM's metrics do not carry.

What it finds
    A vLLM metric selected by `model` (the label is `model_name`), or cache_config_info by `model_name`, which it
    alone lacks.

Why it matters
    A selector on a label that is not there matches nothing: an autoscaler sees 0 and never scales.

Evidence
    The query.

Fix
    `model_name`; for cache_config_info, `pod` or `namespace`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import queries
from vops.manifests.queries import Query, metrics_in
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, queries)
def unknown_label(query: Query) -> Iterator[Flaw]:
    metrics = metrics_in(query.text)
    if any("model" in metric.labels for metric in metrics):
        yield Flaw(
            query.object,
            query.path,
            "vLLM's metrics have no label `model`: the query matches nothing",
            "write model_name, whose value is the first --served-model-name",
        )
    if any(metric.name == "cache_config_info" and "model_name" in metric.labels for metric in metrics):
        yield Flaw(
            query.object,
            query.path,
            "vllm:cache_config_info has no label `model_name`: the query matches nothing",
            "select it by namespace and pod",
        )
