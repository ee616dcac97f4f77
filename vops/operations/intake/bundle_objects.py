"""Documents of a bundle: JSON and YAML into plain objects, lists unfolded, and those into the structs of the model.

Files are written by many hands: null stands for absent, a timestamp may lack its zone, a quantity its quotes.
Everything is scrubbed here. A document that cannot be read is told of, and the others are used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import field
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from vops.errors import InputError
from vops.model.kinds import RELATED
from vops.model.objects import Ref, Resource
from vops.model.pods import Pod
from vops.model.resources import Event, Node, Workload
from vops.model.snapshot import ClusterSnapshot, Source
from vops.model.text import one_line, scrub, scrub_json
from vops.operations.intake.bundle_conditions import told_by_conditions, told_by_messages
from vops.operations.intake.bundle_fragments import (
    conditions_alone,
    pod_of_a_failed_model,
    pod_of_a_failed_revision,
    pod_of_a_failed_service,
    whole,
)
from vops.operations.printed.describe_text import only_lists_pods, read_described

Document = dict[str, Any]

SOURCES = {
    "Pod": Source.PODS,
    "Node": Source.NODES,
    "Event": Source.EVENTS,
    "Deployment": Source.DEPLOYMENTS,
    "ReplicaSet": Source.REPLICASETS,
    "StatefulSet": Source.STATEFULSETS,
    "DaemonSet": Source.DAEMONSETS,
    **{kind.kind: Source(kind.plural) for kind in RELATED},
}
_TYPES: dict[str, type[Resource]] = {
    "Pod": Pod,
    "Node": Node,
    "Event": Event,
    **{kind.kind: kind.decodes_to for kind in RELATED if kind.decodes_to},
}
_FAILED_PODS = (pod_of_a_failed_model, pod_of_a_failed_service, pod_of_a_failed_revision)
"""Readers of what other objects quote of a pod that failed."""

_NEVER_PATCHED = frozenset({"Pod", "Node", "Event"})
_GROUPS = {kind.kind: kind.group for kind in RELATED}
_EVENTS_K8S_IO = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedCount": "count",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedSource": "source",
}
_AMOUNTS = frozenset({"limits", "requests", "capacity", "allocatable", "overhead"})
_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?", re.ASCII)
_MOMENTS = ("Time", "Timestamp", "At", "time", "at")
_YET_TO_COME = frozenset({"deletionTimestamp"})
_NO_EVENTS = re.compile(r"^ {0,12}Events: +<none> *$", re.MULTILINE)
"""What kubectl says of an object about which it found none; where it has no such line, nobody asked."""

_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_DEEPEST = 100
_MOST_VALUES = 5_000_000


class Objects(msgspec.Struct):
    """What the documents of one file held; `newest` is the latest moment that any of them tells of."""

    found: list[tuple[str, Resource]] = field(default_factory=list)
    listed: set[Source] = field(default_factory=set)
    snapshots: list[ClusterSnapshot] = field(default_factory=list)
    newest: datetime | None = None
    problems: list[str] = field(default_factory=list)
    raw: dict[Ref, Document] = field(default_factory=dict)
    """Documents of kinds that a fix may be about, as they were in the file."""


def read_objects(text: str, name: str) -> Objects:
    """Every object of a file; `name` is how problems call the file."""
    objects = Objects()
    line = 1
    for part in _parts(text):
        try:
            for raw in _documents(part, name, line):
                tidy = _Tidy()
                _take(objects, tidy.value(raw), name)
                objects.newest = newer(objects.newest, tidy.newest)
        except InputError as error:
            objects.problems.append(error.message)
        except RecursionError:
            objects.problems.append(f"{name}:{line}: nested too deeply")
        line += part.count("\n")
    return objects


def read_described_objects(
    text: str, name: str, at: datetime | None = None, born: Mapping[str, datetime] | None = None
) -> Objects:
    """Every object and event of a text that kubectl printed for people; `name` is how problems call the file.

    `at` is the moment that ages are counted back from where the text tells none, `born` when pods were made.
    """
    described = read_described(scrub(text), at, born)
    objects = Objects(newest=described.at)
    for document in described.documents:
        tidy = _Tidy()
        _take(objects, tidy.value(document), name)
        objects.newest = newer(objects.newest, tidy.newest)
    if _NO_EVENTS.search(text):
        objects.listed.add(Source.EVENTS)
    if not objects.found:
        lists = "a table of pods says too little: use kubectl get pods -o yaml, or kubectl describe pods"
        why = lists if only_lists_pods(text) else "describes no object that vops has a use for"
        objects.problems.append(f"{name}: {why}")
    return objects


def newer(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two moments, where there are two."""
    return max((item for item in (one, other) if item is not None), default=None)


# --- text to documents ------------------------------------------------------------------------------------


def _parts(text: str) -> Iterator[str]:
    """The documents of a file, as text; together they are the whole of it."""
    starts = [0, *(match.start() for match in _SEPARATOR.finditer(text)), len(text)]
    for start, end in pairwise(starts):
        if end > start:
            yield text[start:end]


def _documents(part: str, name: str, line: int) -> Iterator[Any]:
    body = part.removeprefix("---").strip()
    if body.startswith(("{", "[")):
        yield from _json(part, body, name, line)
        return
    try:
        yield _yaml(scrub(part))
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        at = line + mark.line if mark is not None else line
        words = error.problem if isinstance(error, MarkedYAMLError) and error.problem else str(error)
        raise InputError(f"not YAML: {one_line(str(words))}", path=name, line=at) from error
    except ValueError as error:
        raise InputError(f"not YAML: {one_line(str(error))}", path=name, line=line) from error


def _yaml(text: str) -> Any:
    """A document of YAML; one that was copied from within its spec on has that as its spec."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        spec, status, rest = text.partition("\nstatus:\n")
        if not status or not all(line.startswith(" ") for line in spec.splitlines() if line.strip()):
            raise
        return YAML(typ="safe", pure=True).load(f"spec:\n{spec}{status}{rest}")


def _json(part: str, body: str, name: str, line: int) -> Iterator[Any]:
    """One JSON value, or several after another as `kubectl get --watch` prints them."""
    try:
        yield msgspec.json.decode(scrub_json(body.encode()))
        return
    except msgspec.MsgspecError:
        pass
    position, decoder = 0, json.JSONDecoder()
    before = part.index(body)
    while position < len(body):
        try:
            value, position = decoder.raw_decode(body, position)
        except ValueError as error:
            offset = error.pos if isinstance(error, json.JSONDecodeError) else position
            at = line + part.count("\n", 0, before + offset)
            words = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise InputError(f"not JSON: {one_line(words)}", path=name, line=at) from error
        yield value
        position += len(body[position:]) - len(body[position:].lstrip())


class _Tidy:
    """Makes a document what the API server would have sent: no nulls, plain keys, zoned times, amounts as text."""

    def __init__(self) -> None:
        self.newest: datetime | None = None
        self._values = 0

    def value(self, value: Any, key: str = "", depth: int = 0) -> Any:
        self._values += 1
        if depth > _DEEPEST or self._values > _MOST_VALUES:
            raise RecursionError
        if isinstance(value, dict):
            items = ((scrub(str(name)), item) for name, item in value.items() if item is not None)
            amounts = key in _AMOUNTS
            return {name: self.value(_amount(item) if amounts else item, name, depth + 1) for name, item in items}
        if isinstance(value, list | tuple | set):
            return [self.value(item, key, depth + 1) for item in value if item is not None]
        return self._scalar(value, key)

    def _scalar(self, value: Any, key: str) -> Any:
        if isinstance(value, datetime):
            value = (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
        elif isinstance(value, date | bytes):
            value = str(value)
        if not isinstance(value, str):
            return value
        text = scrub(value)
        if not key.endswith(_MOMENTS):
            return text
        text = text + "Z" if _NO_ZONE.fullmatch(text) else text
        if key not in _YET_TO_COME:
            self.newest = newer(self.newest, _moment(text))
        return text


def _amount(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _moment(text: str) -> datetime | None:
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return None
    return moment if moment.tzinfo else None


# --- documents to structs ---------------------------------------------------------------------------------


def _take(objects: Objects, document: Any, name: str) -> None:
    if document is None:
        return
    if isinstance(document, list) and (alone := conditions_alone(document)) is not None:
        _take_kind(objects, alone, name)
    elif isinstance(document, list):
        for item in document:
            _take(objects, item, name)
    elif not isinstance(document, dict):
        raise InputError("holds no Kubernetes object", path=name)
    elif "kind" not in document and ("schema" in document or {"at", "sources"} & document.keys()):
        objects.snapshots.append(_snapshot(document, name))
    else:
        _take_kind(objects, document, name)


def _take_kind(objects: Objects, document: Document, name: str) -> None:
    document = whole(document)
    kind = str(document.get("kind", ""))
    items = document.get("items")
    if kind.endswith("List") and kind != "APIResourceList" and isinstance(items, list | None):
        listed = kind.removesuffix("List")
        if source := SOURCES.get(listed):
            objects.listed.add(source)
        _take_items(objects, items or [], {"kind": listed, "apiVersion": document.get("apiVersion", "")}, name)
    elif not kind:
        said = [_typed("Event", event) for event in told_by_messages(document)]
        objects.found += [("Event", event) for event in said]
        if not said:
            objects.problems.append(f"{name}: an object without a kind is not used")
    elif kind in SOURCES and _is_ours(kind, document):
        try:
            item = _typed(kind, document)
            objects.found.append((kind, item))
            if kind not in _NEVER_PATCHED:
                objects.raw[Ref(kind, item.metadata.name, item.metadata.namespace)] = document
        except msgspec.ValidationError as error:
            objects.problems.append(f"{name}: {kind.lower()}/{_name(document)} is not used: {one_line(str(error))}")
    else:
        objects.found += [("Event", _typed("Event", event)) for event in told_by_conditions(document)]
        failed = next((pod for read in _FAILED_PODS if (pod := read(document)) is not None), None)
        if failed is not None:
            objects.found.append(("Pod", _typed("Pod", failed)))


def _is_ours(kind: str, document: Document) -> bool:
    """Whether it is of the API group that vops means by this kind: others have a Service or a NodePool as well."""
    group = str(document.get("apiVersion", "")).rpartition("/")[0]
    return kind not in _GROUPS or not document.get("apiVersion") or group == _GROUPS[kind]


def _take_items(objects: Objects, items: Sequence[Any], defaults: Document, name: str) -> None:
    """The items of a list: those of a typed one have neither kind nor apiVersion of their own."""
    for item in items:
        if isinstance(item, dict):
            _take_kind(objects, ({**defaults, **item} if defaults["kind"] else item), name)
        else:
            objects.problems.append(f"{name}: an item of a list is not an object")


def _typed(kind: str, document: Document) -> Resource:
    if kind == "Event" and ("regarding" in document or "note" in document):
        document = {_EVENTS_K8S_IO.get(key, key): value for key, value in document.items()}
    return msgspec.convert(document, _TYPES.get(kind, Workload))


def _name(document: Document) -> str:
    metadata = document.get("metadata")
    return one_line(str(metadata.get("name", "?"))) if isinstance(metadata, dict) else "?"


def _snapshot(document: Document, name: str) -> ClusterSnapshot:
    schema = document.get("schema", "vops.snapshot/v1")
    if schema != "vops.snapshot/v1":
        raise InputError(f"{one_line(str(schema))} is not a schema that this vops reads", path=name)
    try:
        return msgspec.convert(document, ClusterSnapshot)
    except msgspec.ValidationError as error:
        raise InputError(f"not a vops snapshot: {one_line(str(error))}", path=name) from error
