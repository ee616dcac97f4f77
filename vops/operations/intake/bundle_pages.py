"""Posts in which metrics of servers stand between prose: the pages that they are lines of, and what else there is.

People paste what `curl :8000/metrics | grep` or a console of Prometheus shows. A series that Prometheus has scraped
names its pod; those of several pods are pages of their own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import pairwise

from vops.model.patterns import lazy_pattern

_LINE = lazy_pattern(
    r"[\s>|]{0,12}(?P<name>(?:vllm[:_]|DCGM_FI_)\w{3,100})(?P<labels>\{[^\n]{0,2000}\})?[\s"
    r"|=>]{1,12}(?P<value>[\d.eE+-]{1,30})"
    r"(?:\s+@?[\d.]{9,20})?[\s|]*$"
)
_COMMENT = lazy_pattern(r"\s*# (?:HELP|TYPE) (?:vllm|DCGM_FI)|\s*\d{4}-\d\d-\d\d[ T][\d:.]{5,15}Z?\s*$")
_POD = lazy_pattern(r"[{,]\s?(?:kubernetes_)?pod(?:_name)?=\"([a-z0-9][a-z0-9.-]{0,252})\"")
_HEADING = lazy_pattern(
    r"^[\W_]{0,6}(?:(?:[Pp]od|[Rr]eplica)[ /:]{1,3}[`*]{0,2}(?P<pod>[a-z0-9][a-z0-9.-]{1,252})[`*]{0,4}:?"
    r"|[^\n]{0,40}\b(?:kubectl|oc|k) [^\n]{0,80}\blogs "
    r"(?:(?:-n|--namespace|-c|--container) [a-z0-9-]{1,63} |-\S{1,40} ){0,6}"
    r"(?:pod/)?(?P<asked>[a-z][a-z0-9.-]{1,252})[^\n]{0,60}"
    r"|==> (?:[^\n]{0,200}/)?(?P<file>[a-z0-9][a-z0-9.-]{1,252}?)(?:\.log)? <==)\s*$",
    re.MULTILINE,
)
_OF_POD = lazy_pattern(
    r"^(?:\[pod/(?P<pod>[a-z0-9][a-z0-9.-]{0,252})/[a-z0-9-]{1,63}\]"
    r"|(?P<stern>[a-z0-9][a-z0-9.-]{0,252}) [a-z0-9-]{1,63}"
    r"(?= (?:\(|INFO|WARNING|ERROR|\[))|(?P<service>[a-z0-9][\w.-]{0,80}) +\|) ?"
)
"""What kubectl's --prefix, stern and Docker Compose put before a line of one of several servers."""

_STATISTICS = "Avg prompt throughput: "
_FEWEST = 2
_LONGEST = 2**20


def logs_within(text: str) -> dict[str, str]:
    """The logs of several servers that tell of their load, by the names that stand above each; nothing for fewer."""
    if len(text) > _LONGEST or text.count(_STATISTICS) < _FEWEST:
        return {}
    if len(by_prefix := _by_prefix(text)) >= _FEWEST:
        return by_prefix
    headings = list(_HEADING.finditer(text))
    ends = [*(item.start() for item in headings), len(text)]
    parts = {
        item["pod"] or item["asked"] or item["file"]: text[item.end() : end]
        for item, (_, end) in zip(headings, pairwise(ends), strict=True)
        if _STATISTICS in text[item.end() : end]
    }
    return parts if len(parts) >= _FEWEST else {}


def _by_prefix(text: str) -> dict[str, str]:
    """The lines of each server, where the name of one stands before every line."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in filter(str.strip, text.splitlines()):
        if (match := _OF_POD.match(line)) is None:
            return {}
        found[match["pod"] or match["stern"] or match["service"]].append(line[match.end() :])
    return {name: "\n".join(lines) for name, lines in found.items() if _STATISTICS in "".join(lines)}


def pages_within(text: str) -> tuple[dict[str, str], str] | None:
    """The pages of a text by the pods that they name (empty where they name none), and the rest; None without any.

    Of a series that comes again, at another time, the last value counts.
    """
    if len(text) > _LONGEST or "vllm" not in text:
        return None
    pages: dict[str, dict[str, str]] = defaultdict(dict)
    rest: list[str] = []
    for line in text.splitlines():
        if (found := _LINE.match(line)) is not None:
            labels = found["labels"] or ""
            pod = _POD.search(labels) if found["name"].startswith("vllm") else None
            pages[pod[1] if pod is not None else ""][f"{found['name']}{labels}"] = found["value"]
        elif not _COMMENT.match(line):
            rest.append(line)
    if sum(map(len, pages.values())) < _FEWEST:
        return None
    return {pod: "".join(f"{key} {value}\n" for key, value in page.items()) for pod, page in pages.items()}, "\n".join(
        rest
    )
