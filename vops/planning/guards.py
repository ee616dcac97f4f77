"""Guards: what has to hold before a change may be written, checked when it is planned and again when it is applied."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vops.model.objects import Kind
from vops.planning.changes import Change, Verb
from vops.planning.ownership import Owner
from vops.planning.patches import Document

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "gke-managed-system", "gmp-system"})


class Guard(msgspec.Struct, frozen=True):
    """One condition: what it is called, whether it holds, and the sentence that says so.

    `instead` is what to do when it does not hold.
    """

    name: str
    holds: bool
    detail: str
    instead: str = ""


class Permission(msgspec.Struct, frozen=True):
    """One permission that applying a plan needs."""

    verb: str
    kind: Kind
    namespace: str = ""
    subresource: str = ""

    @property
    def resource(self) -> str:
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f" in {self.namespace}" if self.namespace else "")


def guards_for(document: Document, owners: Sequence[Owner]) -> tuple[Guard, ...]:
    """The guards of a change to `document`: the object lives, is not the system's, and nobody will revert it."""
    return (_not_terminating(document), _not_system(document), *(_owned_by(owner) for owner in owners))


def permissions_for(changes: Sequence[Change]) -> tuple[Permission, ...]:
    """Every permission that applying `changes` needs, each once."""
    needed = []
    for change in changes:
        kind, namespace = change.kind, change.target.namespace
        needed.append(Permission("get", kind, namespace))
        if change.verb is Verb.EVICT:
            needed.append(Permission("create", kind, namespace, "eviction"))
        else:
            needed += [Permission(verb, kind, namespace) for verb in _verbs(change)]
    return tuple(dict.fromkeys(needed))


def _verbs(change: Change) -> tuple[str, ...]:
    """An apply is a patch, and a creation as well where there is nothing yet."""
    if change.verb is not Verb.APPLY:
        return (change.verb.value,)
    return ("patch",) if change.target.uid else ("create", "patch")


def permission_guard(permission: Permission, *, granted: bool) -> Guard:
    """Whether the credentials allow it, as asked of the API server."""
    words = "may" if granted else "may not"
    return Guard(
        name="rbac",
        holds=granted,
        detail=f"these credentials {words} {permission}",
        instead="" if granted else f"ask for the verb {permission.verb!r} on {permission.resource}",
    )


def _not_terminating(document: Document) -> Guard:
    since = document["metadata"].get("deletionTimestamp")
    detail = f"it is being deleted since {since}" if since else "it is not being deleted"
    return Guard("alive", not since, detail)


def _not_system(document: Document) -> Guard:
    namespace = document["metadata"].get("namespace", "")
    system = namespace in SYSTEM_NAMESPACES
    return Guard(
        name="namespace",
        holds=not system,
        detail=f"{namespace} belongs to the cluster itself" if system else f"{namespace} is not a system namespace",
        instead="change system workloads by their own means" if system else "",
    )


def _owned_by(owner: Owner) -> Guard:
    return Guard("owner", not owner.reverts, f"owned by {owner.kind} {owner.name}: {owner.effect}", owner.instead)
