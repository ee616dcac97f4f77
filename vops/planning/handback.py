"""Gives fields back: what vops has changed and taken back belongs to vops in managedFields until somebody clears it.

The API server notes the last writer of every field. A server-side apply (Helm 4, Flux, kubectl apply --server-side)
that wants another value later would stop on a conflict with `vops`, though nothing of vops is left. So once a change is
taken back, its fields are taken out of vops' entry: nobody owns them then, and whoever applies them next does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vops.planning.ownership import is_key_of
from vops.planning.patches import Document
from vops.planning.pointers import Tokens, index, lookup, split

MANAGER = "vops"


def handed_back(document: Document, pointers: Sequence[str]) -> list[Document]:
    """The JSON Patch that takes the fields at `pointers` out of vops' entry; empty when none of them is there."""
    for at, entry in enumerate(document["metadata"].get("managedFields") or ()):
        if _is_ours(entry):
            left = entry.get("fieldsV1") or {}
            for pointer in pointers:
                left = _without(left, document, split(pointer))
            return _edit(at, entry, left)
    return []


def _is_ours(entry: Document) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Update" and not entry.get("subresource")


def _edit(at: int, entry: Document, left: Document) -> list[Document]:
    if left == (entry.get("fieldsV1") or {}):
        return []
    place = f"/metadata/managedFields/{at}"
    same = {"op": "test", "path": place, "value": entry}
    if not left:
        return [same, {"op": "remove", "path": place}]
    return [same, {"op": "replace", "path": f"{place}/fieldsV1", "value": left}]


def _without(tree: Document, document: Document, tokens: Tokens, depth: int = 0) -> Document:
    """`tree` without the path; a leaf on the way is the whole of what it leads into, and empty branches go too."""
    if depth == len(tokens) or not tree:
        return {}
    key = _key(tree, lookup(document, tokens[:depth]), tokens[depth])
    if key is None:
        return tree
    below = _without(tree[key], document, tokens, depth + 1)
    rest = {**tree, key: below} if below else {name: item for name, item in tree.items() if name != key}
    return {} if set(rest) <= {"."} else rest


def _key(tree: Document, value: Any, token: str) -> str | None:
    """The key of the branch that a token leads into."""
    at = index(token)
    if isinstance(value, list) and at is not None:
        item = value[at] if at < len(value) else None
        return next((key for key in tree if is_key_of(key, item)), None)
    return f"f:{token}" if f"f:{token}" in tree else None
