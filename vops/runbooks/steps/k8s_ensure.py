"""`k8s.ensure`: objects that vops owns wholly are there and as wished, by server-side apply.

A member that is null is left out. An object that is there and that vops did not make is never touched. What was not
there before is deleted when the run is undone, unless the step says `undo: false`, as it should for data.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.planning.changes import MANAGERS, apply_change, ref_of
from vops.planning.patches import Document
from vops.runbooks.kinds import Changes, Group, View

KIND = "k8s.ensure"
GROUP = Group.CHANGE
RIGHTS = ("get objects", "patch objects")
PERHAPS = ("create objects",)


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    objects: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """Whole objects, in the order in which they are applied."""
    object: dict[str, Any] | None = None
    """One whole object, for short."""
    namespace: str = ""
    """Where objects go that name no namespace and need one."""


def plan(args: Args, view: View) -> Changes:
    """An apply for each object that is not there, or not as wished."""
    wanted = [*args.objects, *([args.object] if args.object else [])]
    found = (_change(_placed(_without_nulls(item), args.namespace), view) for item in wanted)
    return tuple(change for change in found if change is not None)


def _change(document: Document, view: View) -> Any:
    ref = ref_of(document)
    name = f"{ref.kind} {ref.name}"
    return apply_change(document, view.find(ref), f"{MANAGERS}{view.runbook}", f"Make sure of {name}")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _placed(document: Document, namespace: str) -> Document:
    """The object in its namespace. Raises ValueError for what is no object."""
    metadata = document.get("metadata")
    if not document.get("apiVersion") or not document.get("kind") or not isinstance(metadata, dict):
        raise ValueError("an object needs apiVersion, kind and metadata")
    if not metadata.get("name"):
        raise ValueError(f"a {document['kind']} needs a name")
    if not namespace or metadata.get("namespace"):
        return document
    return {**document, "metadata": {**metadata, "namespace": namespace}}
