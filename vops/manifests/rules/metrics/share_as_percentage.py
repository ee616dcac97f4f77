"""A usage from 0 to 1 is compared with a percentage.

What it finds
    A KV-cache usage compared with, or scaled to, a number above 1.

Why it matters
    The metrics are called `_perc` and go from 0 to 1. Compared with 80 they are never high enough: the alert never
    fires, the autoscaler never scales.

Evidence
    The query, and the threshold of an autoscaler.

Fix
    0.8 for 80 %, or multiply by 100.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import queries
from vops.manifests.metric_names import USAGES
from vops.manifests.queries import Query
from vops.manifests.rule import Flaw, rule

_USAGE = re.compile(rf"vllm[:_](?:{'|'.join(sorted(USAGES))})\b")
_COMPARED = re.compile(
    rf"vllm[:_](?:{'|'.join(sorted(USAGES))})\b(?:\{{[^}}]*\}})?(?:\[[^\]]*\])?[\s)]*[<>]=?\s*(?P<number>\d+(?:\.\d+)?)"
)
_ARITHMETIC = re.compile(r"\*\s*100\b|100(?:\.0)?\s*\*|\bsum\b|\bcount\b|[+/]")


@rule(Severity.ERROR, queries)
def share_as_percentage(query: Query) -> Iterator[Flaw]:
    if not _USAGE.search(query.text) or _ARITHMETIC.search(query.text):
        return
    compared = _COMPARED.search(query.text)
    number = float(compared["number"]) if compared else query.threshold
    if number is not None and number > 1:
        yield Flaw(
            query.object,
            query.path,
            f"KV-cache usage goes from 0 to 1 and is compared with {number:g}: it is never that high",
            f"write {number / 100:g}",
        )
