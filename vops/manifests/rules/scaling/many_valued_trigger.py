"""An autoscaler's query answers with several values.

What it finds
    A KEDA Prometheus trigger whose query is grouped (`sum by (pod)`), or selects a vLLM metric without aggregating it.

Why it matters
    KEDA takes one value: with two or more it fails (`returned multiple elements`). A bare selector works with one
    replica and fails as soon as there are two, which is when it is needed.

Evidence
    The query.

Fix
    Aggregate everything: `sum(…)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import scaling_queries
from vops.manifests.queries import Query
from vops.manifests.rule import Flaw, rule

_GROUPED = re.compile(r"\s*(?:sum|avg|max|min|count)\s*by\s*\(\s*(?:pod|instance|engine|node|gpu|UUID)\b")
_BARE = re.compile(r"\s*vllm[:_]\w+\s*(?:\{[^{}]*\})?\s*")


@rule(Severity.ERROR, scaling_queries)
def many_valued_trigger(query: Query) -> Iterator[Flaw]:
    grouped, bare = _GROUPED.match(query.text), _BARE.fullmatch(query.text)
    if grouped is None and bare is None:
        return
    yield Flaw(
        query.object,
        query.path,
        "the query has a value for each replica, and KEDA takes one: it fails with two replicas",
        "write sum(…) over all of them",
    )
