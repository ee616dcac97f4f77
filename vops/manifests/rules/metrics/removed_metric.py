"""A metric that the servers no longer have.

What it finds
    A query on a vLLM metric that is gone in the version of the servers' images, without its successor in the same
    query. Where no image tells a version, metrics are told of that every current version has dropped.

Why it matters
    The query selects nothing: an alert never fires, an autoscaler sees 0.

Evidence
    The query, and the image tags of the servers beside it.

Fix
    Ask for the successor, or for either: `new or old`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Asked, asked_queries
from vops.manifests.metric_names import REMOVED, family
from vops.manifests.queries import metrics_in
from vops.manifests.rule import Flaw, rule
from vops.manifests.versions import spoken


@rule(Severity.ERROR, asked_queries)
def removed_metric(asked: Asked) -> Iterator[Flaw]:
    query, versions = asked.query, asked.manifests.versions
    names = {family(metric.name) for metric in metrics_in(query.text)}
    for name in sorted(names & set(REMOVED)):
        gone, instead = REMOVED[name]
        if instead in names or any(version < gone for version in versions):
            continue
        running = f"; the servers run {spoken(min(versions))}" if versions else ""
        yield Flaw(
            query.object,
            query.path,
            f"vllm:{name} is gone since vLLM {spoken(gone)}{running}",
            f"write vllm:{instead}" if instead else "remove it",
            None if versions else Severity.WARNING,
        )
