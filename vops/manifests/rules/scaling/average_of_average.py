"""A target per replica on a value that is already an average.

What it finds
    A KEDA trigger whose query is `avg(…)` of a per-replica value, with metricType AverageValue (the default).

Why it matters
    AverageValue divides the query's value by the number of replicas. The average of a share does not grow with the
    replicas, so KEDA never asks for more than ceil(most / threshold): with a percentage and a threshold of 70 that is
    two replicas, whatever maxReplicaCount says.

Evidence
    The query, the metric type and the threshold.

Fix
    `sum(…)`, or `metricType: Value`; better a queue or concurrency.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import scaling_queries
from vops.manifests.metric_names import USAGES
from vops.manifests.objects import whole_number
from vops.manifests.queries import Query
from vops.manifests.rule import Flaw, rule

_AVERAGE = re.compile(r"\s*(?:\(\s*)*avg\s*(?:by\s*\([^)]*\)\s*)?\(", re.IGNORECASE)
_PERCENT = re.compile(r"DCGM_FI_DEV_(?:GPU|MEM_COPY)_UTIL\b")
_SHARE = re.compile(rf"DCGM_FI_PROF_\w+|vllm[:_](?:{'|'.join(sorted(USAGES))})\b")


@rule(Severity.ERROR, scaling_queries)
def average_of_average(query: Query) -> Iterator[Flaw]:
    if query.metric_type != "AverageValue" or not _AVERAGE.match(query.text):
        return
    most = 100.0 if _PERCENT.search(query.text) else 1.0 if _SHARE.search(query.text) else None
    threshold = query.threshold
    if most is not None and threshold:
        ceiling = math.ceil(most / threshold)
        asked = whole_number(query.object.get("spec", "maxReplicaCount"))
        limit = "" if asked is None else f", though maxReplicaCount is {asked}"
        words = f"can never ask for more than {ceiling} replicas{limit}"
        if asked is not None and ceiling >= asked:
            return
    else:
        words = "asks for too few replicas"
    yield Flaw(
        query.object,
        query.path,
        f"avg() with metricType AverageValue divides by the replicas twice: {query.object.name} {words}",
        "set metricType: Value beside the trigger's type, or use sum()",
    )
