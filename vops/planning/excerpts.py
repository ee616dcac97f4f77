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


def excerpts(before: Document, after: Document, pointers: Sequence[str]) -> tuple[Document, Document]:
    """Both sides of a change, each with the same neighbours, so that only what is changed differs."""
    return _excerpt(before, after, pointers), _excerpt(after, before, pointers)


def _excerpt(document: Document, other: Document, pointers: Sequence[str]) -> Document:
    """`document` cut down to its identity and the values at `pointers`; items of lists keep their name."""
    part = _part(mask(document), _tree(pointers), other)
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


def _part(value: Any, wanted: Wanted, other: Any) -> Any:
    if not wanted:
        return _sorted(value)
    if isinstance(value, dict):
        if max(_values(value), _values(other)) <= SMALL and not all(wanted.values()):
            return _sorted(value)
        beside = other if isinstance(other, dict) else {}
        return {key: _part(value[key], wanted[key], beside.get(key)) for key in sorted(wanted) if key in value}
    if isinstance(value, list):
        return _items(value, wanted, other if isinstance(other, list) else [])
    return ABSENT


def _items(items: list[Any], wanted: Wanted, others: list[Any]) -> list[Any]:
    """The wanted items; a list of plain words is kept whole, since one word of a command line says nothing."""
    if any(not isinstance(item, dict) for item in items):
        return items
    places = sorted((at, beneath) for token, beneath in wanted.items() if (at := index(token)) is not None)
    known = dict(enumerate(others))
    return [_named(items[at], beneath, known.get(at)) for at, beneath in places if at < len(items)]


def _named(item: dict[str, Any], wanted: Wanted, other: Any) -> dict[str, Any]:
    name = {"name": item["name"]} if wanted and "name" in item else {}
    part: dict[str, Any] = _part(item, wanted, other)
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
