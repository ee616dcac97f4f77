"""Which fields of an object no type declares: what `fieldValidation=Strict` and server-side apply refuse.

The types are the API server's own (the OpenAPI document of v1.36, cut down to names in `data/fields.json`); what a
custom resource may hold is not known here, so all of it passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from vops.lab import statuses
from vops.lab.calls import Call
from vops.lab.documents import Document
from vops.lab.kinds import ResourceType

Types = dict[str, dict[str, str]]
"""Per type, the type of each field: "" for one without fields of its own; `[]` and `{}` before it: many of them."""


@cache
def _types() -> Types:
    data = files("vops.lab").joinpath("data/fields.json").read_bytes()
    return msgspec.json.decode(data, type=Types)


def refuse_unknown_fields(call: Call, body: Document) -> None:
    """Raises ApiError 400 when the client wants strictness and the body of a POST or PUT needs it."""
    if call.query.get("fieldValidation") == "Strict" and (unknown := unknown_fields(call.served, body)):
        raise statuses.undecodable(call.served, _strictly(unknown))


def refuse_unknown_patched_fields(call: Call, patched: Document) -> None:
    """Raises ApiError 422 when the client wants strictness and a patch added a field that does not exist."""
    if call.query.get("fieldValidation") == "Strict" and (unknown := unknown_fields(call.served, patched)):
        whole = msgspec.json.encode(msgspec.json.encode(patched).decode()).decode()
        raise statuses.unpatchable(f"{whole}: {_strictly(unknown)}")


def refuse_undeclared_fields(call: Call, config: Document) -> None:
    """Raises ApiError 500, as the API server does for an apply, whatever strictness the client wants."""
    unknown = unknown_fields(call.served, config)
    if unknown:
        kind, metadata = call.served, config.get("metadata", {})
        what = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {kind.api_version}, Kind={kind.kind}"
        why = f"failed to create typed patch object ({what}): .{unknown[0]}: field not declared in schema"
        raise statuses.ApiError(500, "", why)


def _strictly(unknown: list[str]) -> str:
    return "strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in unknown)


def unknown_fields(kind: ResourceType, document: Document) -> list[str]:
    """The paths (`spec.containers[0].argz`) that the type does not declare, in the document's order."""
    return list(_unknown(document, kind.kind, "")) if kind.builtin and kind.kind in _types() else []


def _unknown(value: Any, type_: str, path: str) -> Iterator[str]:
    if type_.startswith("[]") and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, type_[2:], f"{path}[{index}]")
    elif type_.startswith("{}") and isinstance(value, dict):
        for name, item in value.items():
            yield from _unknown(item, type_[2:], f"{path}.{name}")
    elif type_ and isinstance(value, dict):
        fields = _types()[type_]
        for name, item in value.items():
            place = f"{path}.{name}" if path else name
            if name in fields:
                yield from _unknown(item, fields[name], place)
            else:
                yield place
