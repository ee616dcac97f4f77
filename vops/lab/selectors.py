"""Label and field selectors, as query parameters carry them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vops.lab import statuses
from vops.lab.documents import Document
from vops.lab.kinds import ResourceType

Test = Callable[[Document], bool]

_IN = re.compile(r"\s*(?P<key>[^\s,!=()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)(?P<end>\)?)\s*")
_COMPARE = re.compile(r"\s*(?P<key>[^\s,!=()]+)\s*(?P<operator>==|!=|=)\s*(?P<value>[^\s,!=()]*)\s*")
_EXISTS = re.compile(r"\s*(?P<absent>!?)\s*(?P<key>[^\s,!=()]+)\s*")
_OPERATORS = "in, notin, =, ==, !=, gt, lt"

_FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Node": ("spec.unschedulable",),
    "Namespace": ("status.phase",),
    "ReplicaSet": ("status.replicas",),
    "Job": ("status.successful",),
    "Secret": ("type",),
    "Service": ("spec.clusterIP", "spec.type"),
}
_IDENTITY = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True, slots=True)
class Selector:
    """All tests that an object must pass; an empty one passes everything."""

    tests: tuple[Test, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tests)

    def matches(self, document: Document) -> bool:
        return all(test(document) for test in self.tests)


def parse(kind: ResourceType, labels: str = "", fields: str = "") -> Selector:
    """A selector from its two query parameters. Raises ApiError 400 with the API server's words."""
    return Selector((*_label_tests(labels), *_field_tests(kind, fields)))


def _label_tests(text: str) -> list[Test]:
    tests: list[Test] = []
    position = 0
    while position < len(text):
        match = _IN.match(text, position) or _COMPARE.match(text, position) or _EXISTS.match(text, position)
        if match is None:
            raise statuses.bad_request(f"unable to parse requirement: found '{text[position:]}', expected: identifier")
        position = match.end()
        if position < len(text) and text[position] != ",":
            found = text[position:].split(",")[0].strip()
            raise statuses.bad_request(f"unable to parse requirement: found '{found}', expected: {_OPERATORS}")
        if match.groupdict().get("end") == "":
            raise statuses.bad_request("unable to parse requirement: found '', expected: ',' or ')'")
        tests.append(_label_test(match.groupdict()))
        position += 1
    return tests


def _label_test(parts: dict[str, str]) -> Test:
    key, operator = parts["key"], parts.get("operator")
    if operator is None:
        absent = bool(parts["absent"])
        return lambda document: (key in _labels(document)) != absent
    listed = parts["values"].split(",") if "values" in parts else [parts["value"]]
    values = {value.strip() for value in listed}
    if operator in ("notin", "!="):
        return lambda document: _labels(document).get(key) not in values
    return lambda document: _labels(document).get(key) in values


def _labels(document: Document) -> dict[str, str]:
    labels: dict[str, str] = document["metadata"].get("labels") or {}
    return labels


def _field_tests(kind: ResourceType, text: str) -> list[Test]:
    return [_field_test(kind, term) for term in text.split(",") if term]


def _field_test(kind: ResourceType, term: str) -> Test:
    match = re.fullmatch(r"(?P<path>[^=!]+)(?P<operator>==|!=|=)(?P<value>.*)", term)
    if match is None:
        raise statuses.bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    path, wanted, equal = match["path"], match["value"], match["operator"] != "!="
    if path not in (*_IDENTITY, *_FIELDS.get(kind.kind, ())):
        raise statuses.bad_request(f"field label not supported: {path}")
    names = ("source", "component") if path == "source" else tuple(path.split("."))
    return lambda document: (_text(document, names) == wanted) == equal


def _text(document: Document, names: tuple[str, ...]) -> str:
    value: Any = document
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def matches_labels(selector: Document, labels: dict[str, str]) -> bool:
    """Whether a `LabelSelector` of the API selects an object with these labels; an empty one selects all."""
    expressions = selector.get("matchExpressions", [])
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(_holds(expression, labels) for expression in expressions)


def _holds(expression: Document, labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", [])
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]
