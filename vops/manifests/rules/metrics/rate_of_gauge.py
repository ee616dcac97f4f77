"""A rate of something that goes up and down.

What it finds
    `rate`, `irate` or `increase` of a vLLM gauge: requests running or waiting, KV-cache use.

Why it matters
    These functions take each fall for a restart of the counter and add it up: the value means nothing, and is
    highest while a queue drains.

Evidence
    The query.

Fix
    `avg_over_time` or `max_over_time`, or the gauge as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import queries
from vops.manifests.metric_names import GAUGES
from vops.manifests.queries import Query
from vops.manifests.rule import Flaw, rule

_RATE = re.compile(rf"\b(?P<function>rate|irate|increase)\s*\(\s*vllm[:_](?P<name>{'|'.join(sorted(GAUGES))})\b")


@rule(Severity.ERROR, queries)
def rate_of_gauge(query: Query) -> Iterator[Flaw]:
    found = _RATE.search(query.text)
    if found is not None:
        yield Flaw(
            query.object,
            query.path,
            f"{found['function']}() of the gauge vllm:{found['name']} means nothing: each fall counts as a restart",
            f"write avg_over_time(vllm:{found['name']}[5m])",
        )
