"""PromQL as far as autoscalers use it: which metrics a query asks for, by which labels, and what it makes of them.

No parser of the whole language: what is not one aggregation over plain selectors is said to be not understood (None),
and nothing is concluded from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from vops.model.patterns import lazy_pattern

_NAME = r"[A-Za-z_:][\w:]*"
_SELECTOR = lazy_pattern(rf"({_NAME})\s*\{{([^{{}}]*)\}}", re.ASCII)
_MATCHER = lazy_pattern(rf'({_NAME})\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')', re.ASCII)
_KNOWN = lazy_pattern(r"(?<![\w:])(?:vllm[:_]\w+|DCGM_FI_\w+|dcgm_\w+)", re.ASCII)
_GROUPS = lazy_pattern(r"\b(?:by|on|without|ignoring)\s*\(([^()]*)\)", re.ASCII)
_AGGREGATION = lazy_pattern(r"(avg|sum|max|min|count|quantile)\s*((?:by|without)\s*\([^()]*\)\s*)?\(", re.ASCII)
_SCALE = lazy_pattern(r"\s*(?:(?:by|without)\s*\([^()]*\)\s*)?(?:\*\s*(\d+(?:\.\d+)?)\s*)?", re.ASCII)
_FACTOR = lazy_pattern(r"(\d+(?:\.\d+)?)\s*\*\s*", re.ASCII)
_COUNTED = lazy_pattern(r"\s*/\s*(?:scalar\s*\(\s*)?count\b", re.ASCII)
_OVER_TIME = lazy_pattern(r"^(?:avg|max|min|last|quantile)_over_time\s*\(", re.ASCII)
_WORDS = lazy_pattern(r"\"[^\"]*\"|'[^']*'|\{[^{}]*\}|\[[^\]]*\]")
_OR = lazy_pattern(r"\bor\b", re.ASCII)

_SHARES = lazy_pattern(r"^(?:vllm[:_](?:kv|gpu|cpu)_cache_usage_perc|DCGM_FI_PROF_\w+_ACTIVE)$", re.ASCII)
_PERCENTAGES = lazy_pattern(r"^(?:DCGM_FI_DEV_(?:GPU|MEM_COPY|ENC|DEC)_UTIL|dcgm_gpu_utilization)$", re.ASCII)


class Matcher(msgspec.Struct, frozen=True):
    """One condition on a label of one metric's series."""

    metric: str
    label: str
    operator: str
    value: str


class Aggregate(msgspec.Struct, frozen=True):
    """A query that is one aggregation: `average` is also a sum divided by a count.

    `most` is the largest number that it can give, where its metric has a bound (a share or a percentage).
    """

    operator: str
    metric: str
    most: float | None

    @property
    def average(self) -> bool:
        return self.operator == "avg"


def metrics(query: str) -> tuple[str, ...]:
    """The metrics of vLLM and DCGM and those with label matchers that a query names, each once."""
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", '""', query)
    named = [match[1] for match in _SELECTOR.finditer(bare)] + _KNOWN.findall(bare)
    return tuple(dict.fromkeys(named))


def matchers(query: str) -> tuple[Matcher, ...]:
    """Every label condition in it."""
    return tuple(
        Matcher(selector[1], match[1], match[2], match[3][1:-1])
        for selector in _SELECTOR.finditer(query)
        for match in _MATCHER.finditer(selector[2])
    )


def grouping(query: str) -> frozenset[str]:
    """The labels that it groups or joins by."""
    return frozenset(label.strip() for match in _GROUPS.finditer(query) for label in match[1].split(",")) - {""}


def alternatives(query: str) -> bool:
    """Whether it falls back from one expression to another (`a or b`), so that one name may be missing."""
    return _OR.search(_WORDS.sub("", query)) is not None


def aggregate(query: str) -> Aggregate | None:
    """The one aggregation that a query is; None when it is anything else."""
    text = query.strip()
    leading = _FACTOR.match(text)
    factor = float(leading[1]) if leading else 1.0
    start = leading.end() if leading else 0
    match = _AGGREGATION.match(text, start)
    if match is None:
        return None
    end = _closing(text, match.end())
    if end is None:
        return None
    operator, body, rest = match[1], text[match.end() : end], text[end + 1 :]
    if operator == "sum" and _COUNTED.match(rest):
        return _aggregate("avg", body, 1.0)
    tail = _SCALE.fullmatch(rest)
    return None if tail is None else _aggregate(operator, body, factor * float(tail[1] or 1))


def _aggregate(operator: str, body: str, factor: float) -> Aggregate | None:
    named = metrics(body) or tuple(_plain(body))
    if len(named) != 1 or alternatives(body):
        return None
    bound = _bound(named[0]) if _keeps_bounds(body) else None
    return Aggregate(operator, named[0], None if bound is None or operator == "sum" else bound * factor)


def _plain(body: str) -> Iterator[str]:
    """The name of a selector without braces."""
    match = re.fullmatch(rf"\s*({_NAME})\s*", body, re.ASCII)
    if match is not None:
        yield match[1]


def _bound(metric: str) -> float | None:
    if _SHARES.match(metric):
        return 1.0
    return 100.0 if _PERCENTAGES.match(metric) else None


def _keeps_bounds(body: str) -> bool:
    """Whether nothing but selecting, averaging and taking extremes happens inside."""
    inner = _OVER_TIME.sub("(", body.strip())
    inner = re.sub(r"\b(?:avg|max|min)\s*(?:(?:by|without)\s*\([^()]*\)\s*)?\(", "(", inner)
    return re.search(r"[-+*/%^]|\b(?!\d)\w+\s*\(", _WORDS.sub("", inner)) is None


def _closing(text: str, start: int) -> int | None:
    """Where the parenthesis that was opened before `start` is closed."""
    depth, quote = 1, ""
    for at in range(start, len(text)):
        char = text[at]
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return at
    return None
