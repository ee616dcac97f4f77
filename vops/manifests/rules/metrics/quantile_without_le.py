"""A quantile of buckets that have lost their bounds.

What it finds
    `histogram_quantile` over an aggregation that does not keep the label `le`.

Why it matters
    Without `le` the buckets cannot be told apart, and the quantile is always empty.

Evidence
    The query.

Fix
    `sum by (le) (…)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import queries
from vops.manifests.queries import Query
from vops.manifests.rule import Flaw, rule

_INNER = re.compile(r"histogram_quantile\s*\(\s*[\d.$\w{}]+\s*,\s*(?P<op>sum|avg|max)\s*(?P<rest>.*)", re.DOTALL)
_GROUPING = re.compile(r"\s*(?P<word>by|without)\s*\((?P<labels>[^)]*)\)")


@rule(Severity.ERROR, queries)
def quantile_without_le(query: Query) -> Iterator[Flaw]:
    found = _INNER.search(query.text)
    if found is None:
        return
    grouping = _grouping(found["rest"])
    if grouping is None or not _keeps_le(grouping):
        yield Flaw(
            query.object,
            query.path,
            f"histogram_quantile over {found['op']}() without `le` is always empty",
            "write sum by (le) (rate(…_bucket[5m]))",
        )


def _grouping(rest: str) -> re.Match[str] | None:
    """The `by (…)` or `without (…)` of an aggregation, before or after what it aggregates."""
    before = _GROUPING.match(rest)
    if before is not None:
        return before
    depth = 0
    for at, char in enumerate(rest):
        depth += (char == "(") - (char == ")")
        if depth == 0 and char == ")":
            return _GROUPING.match(rest, at + 1)
    return None


def _keeps_le(grouping: re.Match[str]) -> bool:
    labels = {label.strip() for label in grouping["labels"].split(",")}
    return ("le" in labels) == (grouping["word"] == "by")
