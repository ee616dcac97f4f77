"""PromQL as far as the lab needs it: selectors, aggregations, arithmetic with numbers, `or`, and a few functions.

Instant queries only: there is no history, so that a range has one sample, the present one, and is taken only inside of
`max_over_time` and its like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>[a-zA-Z_:][\w:]*)|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/<>=(){},\[\]]))"
)
_AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "max": max,
    "min": min,
    "count": len,
}
_OVER_TIME = frozenset(f"{name}_over_time" for name in ("max", "min", "avg", "sum", "last"))
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right if right else nan,
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
}


class BadQuery(Exception):
    """What Prometheus answers with 400; the text is its error."""


@dataclass(frozen=True)
class Sample:
    """One series now; the metric's name is the label `__name__`."""

    labels: Mapping[str, str]
    value: float

    def bare(self) -> Mapping[str, str]:
        return {name: value for name, value in self.labels.items() if name != "__name__"}


Vector = list[Sample]
Value = Vector | float
Fetch = Callable[[Callable[[str], bool]], Iterable[Sample]]
"""Gives the series of the metrics whose names pass a test."""


def evaluate(query: str, fetch: Fetch, now: float) -> Vector:
    """The answer to an instant query; a number becomes a series without labels. Raises BadQuery."""
    parser = _Parser(query, fetch, now)
    value = parser.expression()
    parser.end()
    return [Sample({}, value)] if isinstance(value, float) else value


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(f"(?:{text})")


class _Parser:
    """Reads and evaluates in one go: queries are short, and asked seldom."""

    def __init__(self, query: str, fetch: Fetch, now: float) -> None:
        self._query = query
        self._fetch = fetch
        self._now = now
        self._tokens = _tokens(query)
        self._at = 0
        self._takes_ranges = False

    # --- tokens -------------------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise BadQuery(f"parse error: unexpected {self._peek() or 'end of input'!r}, expected {token!r}")

    def end(self) -> None:
        """Raises BadQuery when anything is left."""
        if self._peek():
            raise BadQuery(f"parse error: unexpected {self._peek()!r}")

    # --- operators, the weakest first ---------------------------------------------------------------------

    def expression(self) -> Value:
        left = self._comparison()
        while self._take("or"):
            right = self._comparison()
            left = _either(_vector(left), _vector(right))
        return left

    def _comparison(self) -> Value:
        left = self._sum()
        while self._peek() in _COMPARISONS:
            test, right = _COMPARISONS[self._next()], self._number(self._sum())
            left = [item for item in _vector(left) if test(item.value, right)]
        return left

    def _sum(self) -> Value:
        left = self._product()
        while self._peek() in ("+", "-"):
            left = _combined(_ARITHMETIC[self._next()], left, self._product())
        return left

    def _product(self) -> Value:
        left = self._term()
        while self._peek() in ("*", "/"):
            left = _combined(_ARITHMETIC[self._next()], left, self._term())
        return left

    def _number(self, value: Value) -> float:
        if isinstance(value, float):
            return value
        raise BadQuery("the lab compares series with numbers only")

    # --- terms --------------------------------------------------------------------------------------------

    def _term(self) -> Value:
        word = self._next()
        if word == "(":
            inner = self.expression()
            self._expect(")")
            return inner
        if word == "-":
            return _combined(_ARITHMETIC["*"], -1.0, self._term())
        if re.fullmatch(r"\d.*", word):
            return float(word)
        if word == "{":
            return self._selected("")
        if word in _AGGREGATIONS:
            return self._aggregated(_AGGREGATIONS[word])
        if not re.fullmatch(r"[a-zA-Z_:].*", word):
            raise BadQuery(f"parse error: unexpected {word or 'end of input'!r}")
        if self._take("("):
            return self._called(word)
        return self._selected(word) if self._take("{") else self._series([("__name__", "=", word)])

    def _selected(self, name: str) -> Vector:
        matchers = [("__name__", "=", name)] if name else []
        while not self._take("}"):
            label, operator, value = self._next(), self._next(), _text(self._next())
            matchers.append((label, operator, value))
            self._take(",")
        return self._series(matchers)

    def _series(self, matchers: list[tuple[str, str, str]]) -> Vector:
        if self._take("["):
            if self._takes_ranges:
                while self._next() not in ("]", ""):
                    pass
                return self._series(matchers)
            raise BadQuery("the lab's Prometheus keeps no history: it answers instant queries only")
        names = [(operator, value) for label, operator, value in matchers if label == "__name__"]
        found = self._fetch(lambda name: all(_matches(name, *matcher) for matcher in names))
        others = [matcher for matcher in matchers if matcher[0] != "__name__"]
        return [
            item
            for item in found
            if all(_matches(item.labels.get(label, ""), operator, value) for label, operator, value in others)
        ]

    def _aggregated(self, function: Callable[[Sequence[float]], float]) -> Vector:
        by = self._grouping()
        self._expect("(")
        inner = _vector(self.expression())
        self._expect(")")
        keep = by or self._grouping() or (lambda labels: {})
        groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
        for item in inner:
            groups.setdefault(tuple(sorted(keep(item.bare()).items())), []).append(item.value)
        return [Sample(dict(labels), float(function(values))) for labels, values in groups.items()]

    def _grouping(self) -> Callable[[Mapping[str, str]], dict[str, str]] | None:
        word = self._peek()
        if word not in ("by", "without"):
            return None
        self._next()
        self._expect("(")
        names = set()
        while not self._take(")"):
            names.add(self._next())
            self._take(",")
        return lambda labels: {name: value for name, value in labels.items() if (name in names) is (word == "by")}

    def _called(self, function: str) -> Value:
        if function == "label_replace":
            return self._relabelled()
        self._takes_ranges = function in _OVER_TIME
        inner = self.expression()
        self._takes_ranges = False
        self._expect(")")
        if function in _OVER_TIME:
            return [Sample(item.bare(), item.value) for item in _vector(inner)]
        match function:
            case "vector":
                return [Sample({}, self._number(inner))]
            case "scalar":
                values = _vector(inner)
                return values[0].value if len(values) == 1 else nan
            case "timestamp":
                return [Sample(item.bare(), self._now) for item in _vector(inner)]
        raise BadQuery(f"the lab's Prometheus has no function {function!r}")

    def _relabelled(self) -> Vector:
        inner = _vector(self.expression())
        texts = []
        for _ in range(4):
            self._expect(",")
            texts.append(_text(self._next()))
        self._expect(")")
        target, replacement, source, pattern = texts
        return [_relabel(item, target, replacement, source, pattern) for item in inner]


def _tokens(query: str) -> list[str]:
    tokens, at = [], 0
    while query[at:].strip():
        match = _TOKEN.match(query, at)
        if match is None:
            raise BadQuery(f"parse error: unexpected character: {query[at:].strip()[0]!r}")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


def _text(token: str) -> str:
    if token[:1] not in "\"'" or not token:
        raise BadQuery(f"parse error: unexpected {token!r}, expected string")
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _matches(value: str, operator: str, wanted: str) -> bool:
    match operator:
        case "=":
            return value == wanted
        case "!=":
            return value != wanted
        case "=~":
            return _pattern(wanted).fullmatch(value) is not None
        case "!~":
            return _pattern(wanted).fullmatch(value) is None
    raise BadQuery(f"parse error: unexpected {operator!r} in label matching")


def _vector(value: Value) -> Vector:
    return [Sample({}, value)] if isinstance(value, float) else value


def _either(left: Vector, right: Vector) -> Vector:
    there = {tuple(sorted(item.bare().items())) for item in left}
    return [*left, *(item for item in right if tuple(sorted(item.bare().items())) not in there)]


def _combined(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, float) and isinstance(right, float):
        return operation(left, right)
    if isinstance(right, float):
        return [Sample(item.bare(), operation(item.value, right)) for item in _vector(left)]
    if isinstance(left, float):
        return [Sample(item.bare(), operation(left, item.value)) for item in right]
    others = {tuple(sorted(item.bare().items())): item.value for item in right}
    keyed = [(item, others.get(tuple(sorted(item.bare().items())))) for item in left]
    return [Sample(item.bare(), operation(item.value, other)) for item, other in keyed if other is not None]


def _relabel(item: Sample, target: str, replacement: str, source: str, pattern: str) -> Sample:
    match = _pattern(pattern).fullmatch(item.labels.get(source, ""))
    if match is None:
        return item
    return Sample({**item.labels, target: match.expand(replacement.replace("$", "\\"))}, item.value)
