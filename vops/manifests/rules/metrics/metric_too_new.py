"""A metric that the servers do not have yet.

What it finds
    A query on a vLLM metric that came after the version of every server's image, without its predecessor in the same
    query.

Why it matters
    The query selects nothing: an alert never fires, an autoscaler sees 0.

Evidence
    The query, and the image tags of the servers beside it.

Fix
    Ask for the name of that version, or for either: `new or old`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Asked, asked_queries
from vops.manifests.metric_names import ADDED, REMOVED, family
from vops.manifests.queries import metrics_in
from vops.manifests.rule import Flaw, rule
from vops.manifests.versions import spoken


@rule(Severity.ERROR, asked_queries)
def metric_too_new(asked: Asked) -> Iterator[Flaw]:
    query, versions = asked.query, asked.manifests.versions
    names = {family(metric.name) for metric in metrics_in(query.text)}
    for name in sorted(names & set(ADDED)):
        before = {old for old, renamed in REMOVED.items() if renamed.instead == name}
        if not versions or max(versions) >= ADDED[name] or before & names:
            continue
        old = next((item for item in sorted(before) if "hit_rate" not in item and f"{item}_total" not in before), "")
        yield Flaw(
            query.object,
            query.path,
            f"vllm:{name} came with vLLM {spoken(ADDED[name])}, and the servers run {spoken(max(versions))}",
            f"write vllm:{old}" if old else "use a newer image",
        )
