"""The lab's etcd and object strategy in one: every object, its versions, and the log that watches read.

Objects are plain JSON documents. **What comes out of the store is shared and must not be changed**: take a
`copy_of` to edit, then give it back with `update` or `update_status`. What goes in is copied. All calls are
synchronous; subscribers are called in commit order, also when one of them writes.
"""

from __future__ import annotations

import random
import uuid
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Protocol, TypeAlias

from vops.lab import ownership, statuses, strategy
from vops.lab.defaults import admit
from vops.lab.documents import Change, ChangeType, Document, Key, Record, copy_of, key_of, timestamp
from vops.lab.kinds import Catalog, ResourceType, types_of
from vops.lab.ownership import Writer

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Clock(Protocol):
    """Where the store takes the time from."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


Documents: TypeAlias = list[Document]
Records: TypeAlias = list[Record]
Changes: TypeAlias = list[Change]
Subscriber: TypeAlias = Callable[[Change], None]
Check: TypeAlias = Callable[[ResourceType, Document, Document | None], None]
"""Looks at a new object and the one it replaces (None when it is created) before the write; raises ApiError."""


class Store:
    """Every object of the simulated cluster, of any group, version and kind.

    `seed` fixes uids and generated names. `keep` is how many changes stay readable for watches and continued
    lists; older ones are compacted away and answer 410.
    """

    def __init__(self, clock: Clock, *, seed: int = 0, keep: int = 20_000) -> None:
        self.clock = clock
        self.catalog = Catalog()
        self.revision = 1
        self.compacted = 1
        self._random = random.Random(seed)  # noqa: S311  names, not secrets; a seed must repeat them
        self.cluster = ""
        """What tells this cluster from another: the scenario's name."""
        self._objects: dict[ResourceType, dict[Key, Record]] = {}
        self._ordered: dict[ResourceType, list[Key]] = {}
        self._log: deque[Change] = deque()
        self._keep = keep
        self._subscribers: list[Subscriber] = []
        self.admission: Callable[[Document], None] = lambda document: None
        """What is done to a new object that depends on others; may raise ApiError."""
        self._undelivered: deque[Change] = deque()
        self._delivering = False
        self.subscribe(self._serve_custom_types)

    # --- reading ------------------------------------------------------------------------------------------

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Document:
        """The stored object (shared, read only). Raises ApiError 404."""
        type_ = self.type_of(api_version, kind)
        return self.record(type_, namespace, name).document

    def find(self, api_version: str, kind: str, namespace: str, name: str) -> Document | None:
        """The stored object (shared, read only), or None."""
        record = self._objects.get(self.type_of(api_version, kind), {}).get((namespace, name))
        return record.document if record else None

    def list(self, api_version: str, kind: str, namespace: str = "") -> Documents:
        """Objects by namespace and name (shared, read only); every namespace when `namespace` is empty."""
        return [record.document for record in self.records(self.type_of(api_version, kind), namespace)]

    def type_of(self, api_version: str, kind: str) -> ResourceType:
        """The resource type; an unknown one is taken for a namespaced custom resource."""
        return self.catalog.by_kind(api_version, kind) or self.catalog.custom(api_version, kind, namespaced=True)

    def record(self, kind: ResourceType, namespace: str, name: str) -> Record:
        """The current version of one object. Raises ApiError 404."""
        record = self._objects.get(kind, {}).get((namespace, name))
        if record is None:
            raise statuses.not_found(kind, name)
        return record

    def records(self, kind: ResourceType, namespace: str = "", *, revision: int | None = None) -> Records:
        """Objects by namespace and name, now or as they were at `revision`. Raises ApiError 410."""
        if revision is not None and revision != self.revision:
            return self._records_at(kind, namespace, revision)
        objects = self._objects.get(kind, {})
        ordered = self._ordered.get(kind)
        if ordered is None:
            ordered = self._ordered[kind] = sorted(objects)
        return [objects[key] for key in ordered if not namespace or key[0] == namespace]

    def _records_at(self, kind: ResourceType, namespace: str, revision: int) -> Records:
        if revision < self.compacted:
            raise statuses.expired("The resourceVersion for the provided list is too old.")
        then = dict(self._objects.get(kind, {}))
        for change in reversed(self._log):
            if change.revision <= revision:
                break
            if change.kind is not kind:
                continue
            if change.old is None:
                del then[change.key]
            else:
                then[change.key] = change.old
        return [then[key] for key in sorted(then) if not namespace or key[0] == namespace]

    def changes_since(self, revision: int) -> Changes:
        """Every change after `revision`, oldest first. Raises ApiError 410 when some are compacted away."""
        if revision < self.compacted:
            raise statuses.expired(f"too old resource version: {revision} ({self.compacted})")
        return list(self._log)[bisect_right(self._log, revision, key=lambda change: change.revision) :]

    # --- writing ------------------------------------------------------------------------------------------

    def create(
        self, document: Document, *, manager: str = "", dry_run: bool = False, check: Check | None = None
    ) -> Document:
        """Stores a new object and returns it as stored (shared, read only).

        Fills in uid, timestamps, generation and the usual defaults; `generateName` is honoured; a `status` that is
        given is kept. Raises ApiError 409 AlreadyExists, and whatever `check` raises.
        """
        kind = self.type_of(document["apiVersion"], document["kind"])
        new = self._prepared(kind, document)
        if manager:
            writer = Writer(manager, "Update", kind.api_version)
            _set_owners(new, ownership.after_update(kind, None, new, writer, self._now()))
        return self._add(kind, new, dry_run, check)

    def update(
        self,
        document: Document,
        *,
        manager: str = "",
        subresource: str = "",
        dry_run: bool = False,
        check: Check | None = None,
    ) -> Document:
        """Replaces all but `status` and returns the object as stored (shared, read only).

        A `resourceVersion` in the document must be the current one. `subresource` only tells by which way the write
        came. Raises ApiError 404, 409, and `check`'s.
        """
        kind, record = self._current(document)
        new = strategy.replaced(kind, record.document, document)
        writer = Writer(manager, "Update", kind.api_version, subresource)
        return self._replace(kind, record, new, writer, dry_run, check)

    def update_status(
        self, document: Document, *, manager: str = "", dry_run: bool = False, check: Check | None = None
    ) -> Document:
        """Replaces only `status`, as a PUT on the status subresource does."""
        kind, record = self._current(document)
        new = strategy.with_status(record.document, document)
        return self._replace(kind, record, new, Writer(manager, "Update", kind.api_version, "status"), dry_run, check)

    def patch_status(
        self, api_version: str, kind: str, namespace: str, name: str, status: Document, *, manager: str = ""
    ) -> Document:
        """Sets the given members of `status` (None removes one; lists and nested objects are replaced whole)."""
        document = dict(self.get(api_version, kind, namespace, name))
        merged = document.get("status", {}) | status
        document["status"] = {key: value for key, value in merged.items() if value is not None}
        return self.update_status(document, manager=manager)

    def apply(
        self,
        document: Document,
        *,
        manager: str,
        subresource: str = "",
        force: bool = False,
        dry_run: bool = False,
        check: Check | None = None,
    ) -> Document:
        """Server-side apply; creates the object when it is not there. Raises ApiError 409 with the contested fields."""
        kind = self.type_of(document["apiVersion"], document["kind"])
        metadata = document["metadata"]
        writer = Writer(manager, "Apply", kind.api_version, subresource)
        live = self.find(kind.api_version, kind.kind, metadata.get("namespace", ""), metadata["name"])
        if live is None:
            new = self._prepared(kind, document)
            _set_owners(new, ownership.new_by_apply(kind, document, writer, self._now()))
            return self._add(kind, new, dry_run, check)
        kind, record = self._current(document)
        applied = ownership.apply(kind, live, document, writer, self._now(), force=force)
        reshaped = strategy.with_status if subresource == "status" else partial(strategy.replaced, kind)
        new = reshaped(live, applied.document)
        _set_owners(new, applied.managed)
        return self._exchange(kind, record, new, dry_run, check)

    def delete(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        grace_period_s: int | None = None,
        finalizer: str = "",
        dry_run: bool = False,
    ) -> Document:
        """Deletes an object, or marks it as terminating, and returns its last state (shared, read only).

        A pod on a node is only marked (`deletionTimestamp`, `deletionGracePeriodSeconds`): its kubelet ends it with
        `grace_period_s=0`. An object with finalizers goes when an update removes the last one; `finalizer` adds one
        with the mark (`orphan`, `foregroundDeletion`). Raises ApiError 404, and 409 for another incarnation.
        """
        type_ = self.type_of(api_version, kind)
        record = self.record(type_, namespace, name)
        _refuse_other_incarnation(type_, record, uid, resource_version)
        grace_s = strategy.grace_period_s(type_, record.document, grace_period_s)
        metadata = record.document["metadata"]
        if finalizer or grace_s or metadata.get("finalizers"):
            sooner = grace_s < metadata.get("deletionGracePeriodSeconds", grace_s + 1)
            if not sooner and not finalizer:
                return record.document
            new = strategy.terminating(record.document, self.clock.now(), grace_s, finalizer)
            return self._commit("MODIFIED", type_, (namespace, name), new, record, dry_run)
        new = dict(record.document)
        if type_.kind == "Pod":
            new = strategy.terminating(record.document, self.clock.now(), 0)
        return self._commit("DELETED", type_, (namespace, name), new, record, dry_run)

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Calls `callback` after every commit, in order; the result ends the subscription."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def compact(self, revision: int | None = None) -> None:
        """Forgets changes up to `revision` (all by default), as etcd does every few minutes."""
        self.compacted = self.revision if revision is None else revision
        while self._log and self._log[0].revision <= self.compacted:
            self._log.popleft()

    # --- inside -------------------------------------------------------------------------------------------

    def _now(self) -> str:
        return timestamp(self.clock.now())

    def _serve_custom_types(self, change: Change) -> None:
        if change.kind.kind != "CustomResourceDefinition":
            return
        for kind in types_of(change.document):
            if change.type == "DELETED":
                self.catalog.remove(kind)
            else:
                self.catalog.register(kind)

    def _prepared(self, kind: ResourceType, document: Document) -> Document:
        new: Document = copy_of(document)
        suffix = "".join(self._random.choices(_SUFFIX_ALPHABET, k=5))
        strategy.prepare(kind, new, suffix=suffix, uid=str(self._uid(kind, new)), now=self.clock.now())
        return new

    def _uid(self, kind: ResourceType, document: Document) -> uuid.UUID:
        """Like all that is drawn the same in every store; but one tells clusters apart by the uid of kube-system."""
        drawn = uuid.UUID(int=self._random.getrandbits(128), version=4)
        is_system = kind.kind == "Namespace" and document["metadata"].get("name") == "kube-system"
        return uuid.uuid5(drawn, self.cluster) if is_system else drawn

    def _add(self, kind: ResourceType, new: Document, dry_run: bool, check: Check | None) -> Document:
        key = key_of(new)
        if key in self._objects.get(kind, {}):
            raise statuses.already_exists(kind, key[1])
        if kind.builtin:
            admit(new)
            self.admission(new)
        if check:
            check(kind, new, None)
        return self._commit("ADDED", kind, key, new, None, dry_run)

    def _current(self, document: Document) -> tuple[ResourceType, Record]:
        """The type and stored version of an object to be changed, provided that the document is not outdated."""
        kind = self.type_of(document["apiVersion"], document["kind"])
        given = document["metadata"]
        record = self.record(kind, *key_of(document))
        stored = record.document["metadata"]
        if given.get("resourceVersion") not in (None, "", stored["resourceVersion"]):
            raise statuses.modified_meanwhile(kind, given["name"])
        if given.get("uid") not in (None, "", stored["uid"]):
            raise statuses.other_incarnation(kind, key_of(document), given["uid"], stored["uid"])
        return kind, record

    def _replace(
        self, kind: ResourceType, record: Record, new: Document, writer: Writer, dry_run: bool, check: Check | None
    ) -> Document:
        if writer.manager:
            _set_owners(new, ownership.after_update(kind, record.document, new, writer, self._now()))
        return self._exchange(kind, record, new, dry_run, check)

    def _exchange(
        self, kind: ResourceType, record: Record, new: Document, dry_run: bool, check: Check | None
    ) -> Document:
        if check:
            check(kind, new, record.document)
        if new == record.document:
            return record.document
        change: ChangeType = "DELETED" if strategy.is_over(new) else "MODIFIED"
        return self._commit(change, kind, key_of(new), new, record, dry_run)

    def _commit(
        self,
        type_: ChangeType,
        kind: ResourceType,
        key: Key,
        new: Document,
        old: Record | None,
        dry_run: bool,
    ) -> Document:
        if dry_run:
            return new
        self.revision += 1
        new["metadata"] = new["metadata"] | {"resourceVersion": str(self.revision)}
        record = Record(new, self.revision)
        objects = self._objects.setdefault(kind, {})
        if type_ == "DELETED":
            del objects[key]
        else:
            objects[key] = record
        if type_ != "MODIFIED":
            self._ordered.pop(kind, None)
        self._publish(Change(type_, kind, key, record, old))
        return new

    def _publish(self, change: Change) -> None:
        self._log.append(change)
        if len(self._log) > self._keep:
            self.compacted = self._log.popleft().revision
        self._undelivered.append(change)
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._undelivered:
                self._deliver(self._undelivered.popleft(), tuple(self._subscribers))
        finally:
            self._delivering = False

    @staticmethod
    def _deliver(change: Change, subscribers: Iterable[Subscriber]) -> None:
        for subscriber in subscribers:
            subscriber(change)


def _set_owners(new: Document, managed: list[Document]) -> None:
    if managed:
        new["metadata"]["managedFields"] = managed
    else:
        new["metadata"].pop("managedFields", None)


def _refuse_other_incarnation(kind: ResourceType, record: Record, uid: str, resource_version: str) -> None:
    metadata = record.document["metadata"]
    for what, asked, stored, might in (
        ("UID", uid, metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", resource_version, metadata["resourceVersion"], "modified"),
    ):
        if asked and asked != stored:
            why = f"the {what} in the precondition ({asked}) does not match the {what} in record ({stored})"
            raise statuses.precondition_failed(kind, metadata["name"], f"{why}. The object might have been {might}")
