"""Gives fields back: what vops has changed and taken back belongs to vops in managedFields until somebody clears it.

The API server notes the last writer of every field. A server-side apply (Helm 4, Flux, kubectl apply --server-side)
that wants another value later would stop on a conflict with `vops`, though nothing of vops is left. So once a change is
taken back, its fields are taken out of vops' entry: nobody owns them then, and whoever applies them next does. The
same is done with all that vops owns of an object once its repository carries the change (`release_change`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vops.planning.changes import CAUSE, MANAGERS, RUN, UNDO_UNTIL, Change, Verb, ref_of
from vops.planning.ownership import is_key_of
from vops.planning.patches import Document
from vops.planning.pointers import Tokens, index, join, lookup, split

MANAGER = "vops"


_MARKS = frozenset({f"f:{name}" for name in (CAUSE, RUN, UNDO_UNTIL)})
Keys = tuple[str, ...]


class HeldField(NamedTuple):
    """A field that vops owns, and who owns it as well."""

    path: str
    others: tuple[str, ...]


def held_fields(document: Document) -> tuple[HeldField, ...]:
    """Every field of an object that vops owns, but for the marks of its run; in the order of the paths."""
    entries = document["metadata"].get("managedFields") or ()
    ours = {keys for entry in entries if _is_held(entry) for keys in _leaves(entry.get("fieldsV1") or {})}
    others = [entry for entry in entries if not _is_held(entry)]
    found = ((keys, _owners(keys, others)) for keys in ours if not _MARKS & set(keys))
    return tuple(sorted(HeldField(_readable(keys), owners) for keys, owners in found))


def is_only_ours(document: Document) -> bool:
    """Whether nobody but vops has written any of an object."""
    entries = document["metadata"].get("managedFields") or ()
    return bool(entries) and all(_is_held(entry) for entry in entries)


def release_change(document: Document, summary: str) -> Change | None:
    """Gives up all that vops owns of an object, and takes the mark of its run away; None where there is neither.

    No field of the object changes by it, so there is nothing to take back. It leaves entries of others, without which
    the API server would name an owner of its own for everything (`before-first-apply`): see `is_only_ours`.
    """
    entries = document["metadata"].get("managedFields") or []
    held = [at for at, entry in enumerate(entries) if _is_held(entry)]
    annotations = document["metadata"].get("annotations") or {}
    marks = {name: annotations[name] for name in (RUN, UNDO_UNTIL) if name in annotations}
    if not held and not marks:
        return None
    target = ref_of(document)
    operations: list[Document] = [{"op": "test", "path": "/metadata/uid", "value": target.uid}]
    for at in reversed(held):
        place = f"/metadata/managedFields/{at}"
        operations += [_is_still(place, entries[at]), {"op": "remove", "path": place}]
    for name, value in marks.items():
        place = join(("metadata", "annotations", name))
        operations += [_is_still(place, value), {"op": "remove", "path": place}]
    names = {entries[at]["manager"]: [item.path for item in held_fields(document)] for at in held[:1]}
    return Change(
        verb=Verb.PATCH,
        target=target,
        summary=summary,
        operations=tuple(operations),
        before=_told(document, names),
        after=_told(document, {}),
        unrestorable=("keeps its values: only whose they are is forgotten",),
    )


def _told(document: Document, owned: Document) -> Document:
    """What of an object is shown: whose fields they are."""
    meta = {key: document["metadata"][key] for key in ("name", "namespace") if key in document["metadata"]}
    return {"apiVersion": document.get("apiVersion", ""), "kind": document["kind"], "metadata": {**meta, **owned}}


def _is_still(place: str, value: Any) -> Document:
    return {"op": "test", "path": place, "value": value}


def _is_held(entry: Document) -> bool:
    """Whether it is an entry of vops: of a patch, or of an object that it has applied."""
    applied = entry.get("operation") == "Apply" and str(entry.get("manager")).startswith(MANAGERS)
    return applied or _is_ours(entry)


def _leaves(tree: Document, keys: Keys = ()) -> Iterator[Keys]:
    """The paths of a fieldsV1 tree; the item of a list itself is told by what is in it."""
    for key, below in tree.items():
        if below and set(below) != {"."}:
            yield from _leaves(below, (*keys, key))
        elif key != ".":
            yield (*keys, key)


def _owners(keys: Keys, entries: Sequence[Document]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(entry.get("manager")) for entry in entries if _holds(entry, keys)))


def _holds(entry: Document, keys: Keys) -> bool:
    """Whether an entry has the field, something around it as a whole, or something in it."""
    tree = entry.get("fieldsV1") or {}
    if not tree:
        return False
    for key in keys:
        if not tree:
            return True
        if key not in tree:
            return False
        tree = tree[key]
    return True


def _readable(keys: Keys) -> str:
    """`spec.template.spec.containers[vllm].args`."""
    words = (_word(key) for key in keys)
    return "".join(word if word.startswith("[") else f".{word}" for word in words).removeprefix(".")


def _word(key: str) -> str:
    if key.startswith("k:"):
        return f"[{' '.join(map(str, json.loads(key[2:]).values()))}]"
    return f"[{key[2:]}]" if key.startswith("v:") else key.removeprefix("f:")


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
