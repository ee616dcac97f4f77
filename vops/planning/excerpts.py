"""The touched part of an object: enough to recognise it, and the values at some paths. Secrets are masked.

A field of a small mapping, such as a probe, comes with its neighbours, since alone it says little. Keys are sorted as
the API server sorts them, names first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vops.model.secrets import mask
from vops.planning.patches import Document
from vops.planning.pointers import ABSENT, index, split

Wanted = dict[str, "Wanted"]
"""Paths as a tree; an empty mapping stands for the whole value."""

SMALL = 8
"""Up to so many values, a mapping is shown whole."""


def excerpt(document: Document, pointers: Sequence[str]) -> Document:
    """`document` cut down to its identity and the values at `pointers`; items of lists keep their name."""
    part = _part(mask(document), _tree(pointers))
    identity = {key: document["metadata"][key] for key in ("name", "namespace") if key in document["metadata"]}
    head = {"apiVersion": document.get("apiVersion", ""), "kind": document["kind"]}
    rest = {key: value for key, value in part.items() if key != "metadata"}
    return {**head, "metadata": {**identity, **part.get("metadata", {})}, **rest}


def _tree(pointers: Sequence[str]) -> Wanted:
    root: Wanted = {}
    whole: set[int] = set()
    for pointer in sorted(pointers, key=len):
        node = root
        for token in split(pointer):
            if id(node) in whole:
                break
            node = node.setdefault(token, {})
        else:
            whole.add(id(node))
    return root


def _part(value: Any, wanted: Wanted) -> Any:
    if not wanted:
        return _sorted(value)
    if isinstance(value, dict):
        if _values(value) <= SMALL and not all(wanted.values()):
            return _sorted(value)
        return {key: _part(value[key], wanted[key]) for key in sorted(wanted) if key in value}
    if isinstance(value, list):
        return _items(value, wanted)
    return ABSENT


def _items(items: list[Any], wanted: Wanted) -> list[Any]:
    """The wanted items; a list of plain words is kept whole, since one word of a command line says nothing."""
    if any(not isinstance(item, dict) for item in items):
        return items
    places = sorted((at, beneath) for token, beneath in wanted.items() if (at := index(token)) is not None)
    return [_named(items[at], beneath) for at, beneath in places if at < len(items)]


def _named(item: dict[str, Any], wanted: Wanted) -> dict[str, Any]:
    name = {"name": item["name"]} if wanted and "name" in item else {}
    part: dict[str, Any] = _part(item, wanted)
    return {**name, **part}


def _values(value: Any) -> int:
    """How many plain values stand in `value`."""
    if isinstance(value, dict):
        return sum(_values(item) for item in value.values())
    if isinstance(value, list):
        return sum(_values(item) for item in value)
    return 1


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: (key != "name", key))}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
