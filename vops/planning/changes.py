"""Changes: the only form in which vops writes to a cluster.

A change to a shared object is a JSON Patch that tests the uid and the old value of every touched path, so that the
API server itself refuses it when somebody was faster. Objects that vops owns wholly are applied (server-side).
Every change carries its inverse, made from the same before-image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import field

from vops.errors import Refused
from vops.model.kinds import KINDS
from vops.model.objects import Kind, Ref
from vops.model.secrets import holds_secret, mask
from vops.planning.excerpts import excerpts
from vops.planning.ownership import field_managers
from vops.planning.patches import Document, Edit, apply_operations, make_patch
from vops.planning.pointers import ABSENT, join, lookup, split

_KINDS = {kind.kind: kind for kind in KINDS}
CAUSE, RUN, UNDO_UNTIL = "kubernetes.io/change-cause", "vops.dev/last-run", "vops.dev/undo-until"
MARKS = frozenset(join(("metadata", "annotations", name)) for name in (CAUSE, RUN, UNDO_UNTIL))
"""The annotations that tell of a run (see vops.planning.marks): sent with a change, and no part of what it is about."""
MANAGERS = "vops/"
"""Every runbook applies as the field manager `vops/RUNBOOK`."""


class Verb(StrEnum):
    PATCH = "patch"
    APPLY = "apply"
    CREATE = "create"
    DELETE = "delete"
    EVICT = "evict"


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One write to one object.

    `target.uid` is the incarnation that was planned for. `operations` is the JSON Patch (RFC 6902) including its
    tests; `document` the body of an apply or create. `before` and `after` are the touched part of the object, for
    the diff, secrets masked; `undo` the JSON Patch that takes it back, guarded by tests on the after-values, and
    `unrestorable` says in words what it will not bring back. `writers` are the field managers that wrote the touched
    paths last, by path. One that `hands_back` gives its fields up afterwards (see vops.planning.handback).
    """

    verb: Verb
    target: Ref
    summary: str
    operations: tuple[Document, ...] = ()
    document: Document = field(default_factory=dict)
    manager: str = ""
    before: Document = field(default_factory=dict)
    after: Document = field(default_factory=dict)
    undo: tuple[Document, ...] = ()
    unrestorable: tuple[str, ...] = ()
    writers: dict[str, str] = field(default_factory=dict)
    hands_back: bool = False

    @property
    def touched(self) -> tuple[str, ...]:
        """The paths that the operations write, as JSON pointers; not the marks of the run."""
        return written(item for item in self.operations if not is_mark(item))

    @property
    def kind(self) -> Kind:
        """The resource type of the target."""
        return kind_of(self.target)

    def applied_to(self, document: Document) -> Document:
        """The object once a patch is applied. Raises vops.planning.patches.TestFailed."""
        return apply_operations(document, self.operations)


def written(operations: Iterable[Document]) -> tuple[str, ...]:
    """The paths that operations write, as JSON pointers."""
    return tuple(dict.fromkeys(item["path"] for item in operations if item["op"] != "test"))


def is_mark(operation: Document) -> bool:
    """Whether an operation only marks the object with the run."""
    return operation["path"] in MARKS


def kind_of(ref: Ref) -> Kind:
    """The resource type that a reference names. Raises KeyError for one that vops does not know."""
    return _KINDS[ref.kind]


def ref_of(document: Document) -> Ref:
    """Names exactly this incarnation of an object."""
    meta = document["metadata"]
    return Ref(document["kind"], meta["name"], meta.get("namespace", ""), meta.get("uid", ""))


def is_known(ref: Ref) -> bool:
    """Whether vops knows the resource type that a reference names."""
    return ref.kind in _KINDS


def patch_change(document: Document, edits: Sequence[Edit], summary: str) -> Change | None:
    """The guarded JSON Patch for `edits` on a live object; None when it is as wished already.

    Raises Refused when an edit would have to copy a secret, ValueError when a path leads nowhere.
    """
    patch = make_patch(document, edits)
    if not patch.operations:
        return None
    target = ref_of(document)
    same_object = {"op": "test", "path": "/metadata/uid", "value": target.uid}
    before, after = excerpts(document, patch.after, patch.touched)
    return Change(
        verb=Verb.PATCH,
        target=target,
        summary=summary,
        operations=(same_object, *patch.operations),
        before=before,
        after=after,
        undo=(same_object, *patch.undo) if patch.undo else (),
        unrestorable=tuple(
            f"{path}: the old value is a secret, which vops does not keep" for path in patch.unrestorable
        ),
        writers=_writers(document, patch.touched),
    )


def _writers(document: Document, touched: Sequence[str]) -> dict[str, str]:
    """Who wrote the paths that are there last, as far as the API server says."""
    there = (path for path in touched if lookup(document, split(path)) is not ABSENT)
    return {path: managers[-1] for path in there if (managers := field_managers(document, path))}


def apply_change(document: Document, live: Document | None, manager: str, summary: str) -> Change | None:
    """The server-side apply of an object that vops owns wholly; None when it is as wished already.

    Raises Refused when the object is there and somebody else made it, or when it holds a secret.
    """
    if holds_secret(document):
        raise Refused(f"{document['kind'].lower()}/{document['metadata']['name']} holds a secret in plain sight")
    target = ref_of(live) if live is not None else ref_of(document)
    before = {} if live is None else projection(live, document)
    if live is not None and not applied_by(live, MANAGERS):
        raise Refused(
            f"{target} is there already, and vops did not make it",
            hint="choose another name, or change it by its own means",
        )
    if live is not None and before == document:
        return None
    return Change(
        verb=Verb.APPLY,
        target=target,
        summary=summary,
        document=document,
        manager=manager,
        before=mask(before),
        after=mask(document),
    )


def projection(live: Any, wanted: Any) -> Any:
    """What `live` has at the places that `wanted` names; lists of one length item by item, others whole."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {key: projection(live[key], wanted[key]) for key in wanted if key in live}
    if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        return [projection(one, other) for one, other in zip(live, wanted, strict=True)]
    return live


def applied_by(live: Document, prefix: str) -> bool:
    """Whether a field manager whose name begins so has applied a part of the object."""
    entries = live["metadata"].get("managedFields") or ()
    return any(item.get("operation") == "Apply" and str(item.get("manager")).startswith(prefix) for item in entries)


def evict_change(target: Ref, summary: str, *, unrestorable: str) -> Change:
    """The eviction of one incarnation of a pod: a deletion that disruption budgets are asked about."""
    return Change(Verb.EVICT, target, summary, unrestorable=(unrestorable,))


def delete_change(target: Ref, summary: str, *, unrestorable: str) -> Change:
    """The deletion of one incarnation of an object."""
    return Change(Verb.DELETE, target, summary, unrestorable=(unrestorable,))
