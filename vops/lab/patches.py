"""The patch formats that compute a new object from the old one: JSON Patch, merge patch, strategic merge patch.

Server-side apply is in vops.lab.ownership: it needs to know who owns what.
"""

from __future__ import annotations

from typing import Any

import jsonpatch
import jsonpointer

from vops.lab import statuses
from vops.lab.documents import copy_of
from vops.lab.schema import Path, Schema

_DIRECTIVES = ("$patch", "$retainKeys")


def json_patch(document: dict[str, Any], operations: Any) -> dict[str, Any]:
    """RFC 6902. Raises ApiError 422 when an operation, a `test` too, does not fit; 400 when it is no list."""
    if not isinstance(operations, list):
        kind = "object" if isinstance(operations, dict) else type(operations).__name__
        why = f"json: cannot unmarshal {kind} into Go value of type []handlers.jsonPatchOp"
        raise statuses.bad_request(f"error decoding patch: {why}")
    patched = copy_of(document)
    try:
        for operation in operations:
            if not _tests_absence(patched, operation):
                patched = jsonpatch.JsonPatch([operation]).apply(patched, in_place=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise statuses.unprocessable() from error
    if not isinstance(patched, dict):
        raise statuses.unprocessable()
    return patched


def _tests_absence(document: Any, operation: Any) -> bool:
    """Whether an operation tests for null at a path that does not exist, which the API server lets pass."""
    if not isinstance(operation, dict) or operation.get("op") != "test" or operation.get("value") is not None:
        return False
    missing = object()
    return jsonpointer.resolve_pointer(document, operation.get("path", ""), missing) in (missing, None)


def merge_patch(value: Any, patch: Any) -> Any:
    """RFC 7386: null removes, maps merge, anything else replaces."""
    if not isinstance(patch, dict):
        return copy_of(patch)
    merged = copy_of(value) if isinstance(value, dict) else {}
    for name, part in patch.items():
        if part is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), part)
    return merged


def strategic_merge_patch(value: Any, patch: Any, schema: Schema, path: Path = ()) -> Any:
    """As `merge_patch`, but lists that have a merge key merge item by item; `$patch` directives are honoured."""
    if not isinstance(patch, dict):
        return copy_of(patch)
    if patch.get("$patch") == "replace":
        return _without_directives(patch)
    merged = copy_of(value) if isinstance(value, dict) else {}
    if "$retainKeys" in patch:
        merged = {name: part for name, part in merged.items() if name in patch["$retainKeys"]}
    for name, part in patch.items():
        directive, _, target = name.partition("/")
        if directive == "$deleteFromPrimitiveList":
            merged[target] = [item for item in merged.get(target, []) if item not in part]
        elif name.startswith("$"):
            continue
        elif part is None:
            merged.pop(name, None)
        else:
            order = patch.get(f"$setElementOrder/{name}")
            merged[name] = _strategic_value(merged.get(name), part, order, schema, (*path, name))
    return merged


def _strategic_value(value: Any, patch: Any, order: Any, schema: Schema, path: Path) -> Any:
    keys = schema.keys(path)
    if isinstance(patch, list) and keys:
        return _strategic_list(value or [], patch, order or patch, keys[0], schema, path)
    if isinstance(patch, list) and schema.is_set(path):
        return [*(value or []), *(item for item in patch if item not in (value or []))]
    return strategic_merge_patch(value, patch, schema, path)


def _strategic_list(
    items: list[Any], patch: list[Any], order: list[Any], key: str, schema: Schema, path: Path
) -> list[Any]:
    """Items merged by their merge key, those that `order` names in that order."""
    if any(item.get("$patch") == "replace" for item in patch):
        return [_without_directives(item) for item in patch if "$patch" not in item]
    merged = {item.get(key): item for item in items}
    places = {name: index for index, name in enumerate(merged)}
    for item in patch:
        if item.get("$patch") == "delete":
            merged.pop(item.get(key), None)
        else:
            merged[item.get(key)] = strategic_merge_patch(merged.get(item.get(key)), item, schema, path)
    named = [item.get(key) for item in order if item.get(key) in merged]
    return [merged[name] for name in _interleaved(named, [name for name in merged if name not in named], places)]


def _interleaved(named: list[Any], others: list[Any], places: dict[Any, int]) -> list[Any]:
    """The named ones in their order, the others where they were among them; new ones come before."""
    result: list[Any] = []
    others = list(others)
    for name in named:
        while others and name in places and places[others[0]] < places[name]:
            result.append(others.pop(0))
        result.append(name)
    return result + others


def _without_directives(patch: dict[str, Any]) -> dict[str, Any]:
    return {name: copy_of(part) for name, part in patch.items() if name not in _DIRECTIVES and part is not None}
