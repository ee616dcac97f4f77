"""Reads the bodies of requests: decodes them, checks the JSON types of known fields, and tidies what is stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from vops.lab import statuses
from vops.lab.documents import Document
from vops.lab.kinds import ResourceType
from vops.model.objects import Meta
from vops.model.pods import Pod
from vops.model.resources import Event, Node, Workload

_JSON = "application/json"
_DECODABLE = (_JSON, "application/octet-stream", "application/x-www-form-urlencoded")
"""What curl sends by default is taken for JSON, as the API server takes it."""
_STRUCTS: dict[str, type] = {
    "Pod": Pod,
    "Node": Node,
    "Deployment": Workload,
    "ReplicaSet": Workload,
    "StatefulSet": Workload,
    "Event": Event,
}
_GO_NAMES = {"int": "int32", "str": "string", "array": "array", "object": "object", "bool": "bool"}
_AMOUNTS = {"limits", "requests", "capacity", "allocatable", "hard"}
_KEPT_EMPTY = {"containers", "endpoints", "subsets", "rules", "items"}


def decoded(content_type: str, body: bytes, wanted: str) -> Document:
    """A JSON object. Raises ApiError 415 for another format, 400 when it is none; `wanted` is the expected kind."""
    if content_type not in _DECODABLE:
        raise statuses.unsupported_media_type((_JSON,))
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except ValueError as error:
        why = f"couldn't get version/kind; json parse error: {error}"
        raise statuses.bad_request(f"the object provided is unrecognized (must be of type {wanted}): {why}") from error


def decoded_patch(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except ValueError as error:
        raise statuses.bad_request(f"error decoding patch: {error}") from error


def decoded_yaml(body: bytes) -> Document:
    """The object in YAML, which is JSON where vops wrote it: decoding that is what an apply in the lab costs."""
    try:
        config = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        config = _from_yaml(body)
    if not isinstance(config, dict):
        raise statuses.bad_request("error decoding YAML: not an object")
    return config


def _from_yaml(body: bytes) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(body)
    except YAMLError as error:
        first = str(error).splitlines()[0]
        raise statuses.bad_request(f"error decoding YAML: error converting YAML to JSON: yaml: {first}") from error


def typed(kind: ResourceType, document: Document) -> Document:
    """The document with its type filled in. Raises ApiError 400 when it is of another type."""
    stated_version, stated_kind = document.get("apiVersion", kind.api_version), document.get("kind", kind.kind)
    if (stated_version, stated_kind) != (kind.api_version, kind.kind):
        said = f'{stated_kind} in version "{stated_version.rpartition("/")[2]}" cannot be handled as a {kind.kind}'
        raise statuses.bad_request(f"{said}: {kind.api_version}, Kind={kind.kind} expected")
    return {"apiVersion": kind.api_version, "kind": kind.kind, **document}


def refuse_mistyped(kind: ResourceType, document: Document, refusal: Callable[[str], statuses.ApiError]) -> None:
    """Raises what `refusal` makes of the first field whose value has the wrong JSON type."""
    try:
        msgspec.convert(document.get("metadata", {}), Meta)
        if kind.builtin and kind.kind in _STRUCTS:
            msgspec.convert(document, _STRUCTS[kind.kind])
    except msgspec.ValidationError as error:
        raise refusal(_in_go(str(error))) from error


def _in_go(why: str) -> str:
    """A type error in the words of Go's decoder."""
    found = re.fullmatch(r"Expected `(?P<wanted>.+)`, got `(?P<got>\w+)` - at `\$\.?(?P<field>.*)`", why)
    if found is None:
        return f"json: {why}"
    wanted, got = (_GO_NAMES.get(found[name].split(" ")[0], found[name]) for name in ("wanted", "got"))
    field = re.sub(r"\[[^]]*\]", "", found["field"])
    return (
        f"json: cannot unmarshal {'number' if got == 'int32' else got} into Go struct field .{field} of type {wanted}"
    )


def cleaned(kind: ResourceType, document: Document) -> Document:
    """A copy without nulls and, for typed objects, without the empty lists that a typed server does not keep."""
    cleaned: Document = _without_nulls(document, drop_empty_lists=kind.builtin)
    return cleaned


def _without_nulls(value: Any, *, drop_empty_lists: bool) -> Any:
    if isinstance(value, dict):
        return {
            name: _amounts(part) if name in _AMOUNTS else _without_nulls(part, drop_empty_lists=drop_empty_lists)
            for name, part in value.items()
            if part is not None and not (drop_empty_lists and part == [] and name not in _KEPT_EMPTY)
        }
    if isinstance(value, list):
        return [_without_nulls(part, drop_empty_lists=drop_empty_lists) for part in value]
    return value


def _amounts(value: Any) -> Any:
    """Quantities as strings, which is how they are kept however they were written."""
    if not isinstance(value, dict):
        return value
    return {name: str(part) if isinstance(part, int | float) else part for name, part in value.items()}
