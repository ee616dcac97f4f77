"""Label selectors as kubectl reads them: `app=llama,tier!=dev,zone in (a,b),!canary`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Matches = Callable[[Mapping[str, str]], bool]

_TERM = re.compile(
    r"\s*(?:(?P<not>!)\s*)?(?P<key>[\w./-]+)\s*"
    r"(?:(?P<op>==|=|!=)\s*(?P<value>[\w.-]*)|(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?\s*(?:,|$)",
    re.ASCII,
)


def selector(text: str) -> Matches:
    """A predicate over labels; the empty selector matches everything. Raises ValueError."""
    terms = []
    at = 0
    while at < len(text.rstrip()):
        match = _TERM.match(text, at)
        if match is None or (match["not"] and (match["op"] or match["set"])):
            raise ValueError(f"not a label selector: {text!r}")
        terms.append(_term(match))
        at = match.end()
    return lambda labels: all(holds(labels) for holds in terms)


def _term(match: re.Match[str]) -> Matches:
    key = match["key"]
    if match["not"]:
        return lambda labels: key not in labels
    if match["set"]:
        values = frozenset(value.strip() for value in match["values"].split(","))
    elif match["op"]:
        values = frozenset([match["value"]])
    else:
        return lambda labels: key in labels
    if match["set"] == "notin" or match["op"] == "!=":
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values
