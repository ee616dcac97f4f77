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
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

from vops.lab import statuses
from vops.lab.documents import Change, ChangeType, Document, Key, Record, copy_of, timestamp
from vops.lab.kinds import Catalog, ResourceType

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
        self._objects: dict[ResourceType, dict[Key, Record]] = {}
        self._ordered: dict[ResourceType, list[Key]] = {}
        self._log: deque[Change] = deque()
        self._keep = keep
        self._subscribers: list[Subscriber] = []
        self._undelivered: deque[Change] = deque()
        self._delivering = False

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

    def create(self, document: Document, *, manager: str = "", dry_run: bool = False) -> Document:
        """Stores a new object and returns it as stored (shared, read only).

        Fills in uid, timestamps, generation and the usual defaults; `generateName` is honoured; a `status` that is
        given is kept. Raises ApiError 409 AlreadyExists, 422.
        """
        kind = self.type_of(document["apiVersion"], document["kind"])
        new = copy_of(document)
        self._prepare(kind, new)
        key = (new["metadata"].get("namespace", ""), new["metadata"]["name"])
        if key in self._objects.get(kind, {}):
            raise statuses.already_exists(kind, key[1])
        return self._commit("ADDED", kind, key, new, None, dry_run).document

    def update(self, document: Document, *, manager: str = "", dry_run: bool = False) -> Document:
        """Replaces all but `status` and returns the object as stored (shared, read only).

        A `resourceVersion` in the document must be the current one. Raises ApiError 404, 409, 422.
        """
        return self._update(document, "", manager, dry_run)

    def update_status(self, document: Document, *, manager: str = "", dry_run: bool = False) -> Document:
        """Replaces only `status`, as a PUT on the status subresource does."""
        return self._update(document, "status", manager, dry_run)

    def patch_status(
        self, api_version: str, kind: str, namespace: str, name: str, status: Document, *, manager: str = ""
    ) -> Document:
        """Sets the given members of `status` (None removes one; lists and nested objects are replaced whole)."""
        document = dict(self.get(api_version, kind, namespace, name))
        merged = document.get("status", {}) | status
        document["status"] = {key: value for key, value in merged.items() if value is not None}
        return self.update_status(document, manager=manager)

    def delete(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace_period_s: int | None = None,
        dry_run: bool = False,
    ) -> Document:
        """Deletes an object, or marks it as terminating, and returns its last state (shared, read only).

        A pod on a node is only marked (`deletionTimestamp`, `deletionGracePeriodSeconds`): its kubelet ends it with
        `grace_period_s=0`. An object with finalizers goes when an update removes the last one.
        Raises ApiError 404, and 409 when `uid` is another incarnation's.
        """
        type_ = self.type_of(api_version, kind)
        record = self.record(type_, namespace, name)
        metadata = record.document["metadata"]
        if uid and uid != metadata["uid"]:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata['uid']}"
            raise statuses.conflict(type_, name, why)
        grace = self._grace(type_, record.document, grace_period_s)
        if not grace and not metadata.get("finalizers"):
            return self._commit("DELETED", type_, (namespace, name), copy_of(record.document), record, dry_run).document
        return self._mark(type_, record, grace, dry_run)

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

    def _prepare(self, kind: ResourceType, new: Document) -> None:
        metadata = new.setdefault("metadata", {})
        if "name" not in metadata:
            metadata["name"] = metadata["generateName"] + "".join(self._random.choices(_SUFFIX_ALPHABET, k=5))
        metadata["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        metadata["creationTimestamp"] = timestamp(self.clock.now())
        if kind.generation:
            metadata["generation"] = 1

    def _update(self, document: Document, subresource: str, manager: str, dry_run: bool) -> Document:
        kind = self.type_of(document["apiVersion"], document["kind"])
        given = document["metadata"]
        record = self.record(kind, given.get("namespace", ""), given["name"])
        old = record.document
        if given.get("resourceVersion", str(record.revision)) != str(record.revision):
            raise statuses.modified_meanwhile(kind, given["name"])
        new = copy_of(document)
        if subresource == "status":
            new = {**copy_of(old), "status": new.get("status", {})}
        elif kind.status:
            self._keep_status(new, old)
        self._carry_over(kind, new, old)
        unchanged = {**new, "metadata": {**new["metadata"], "resourceVersion": str(record.revision)}} == old
        if unchanged:
            return old
        key = (given.get("namespace", ""), given["name"])
        gone = "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers")
        done = gone and not new["metadata"].get("deletionGracePeriodSeconds")
        return self._commit("DELETED" if done else "MODIFIED", kind, key, new, record, dry_run).document

    @staticmethod
    def _keep_status(new: Document, old: Document) -> None:
        new.pop("status", None)
        if "status" in old:
            new["status"] = copy_of(old["status"])

    @staticmethod
    def _carry_over(kind: ResourceType, new: Document, old: Document) -> None:
        kept = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
        metadata = new["metadata"]
        for name in kept:
            metadata.pop(name, None)
            if name in old["metadata"]:
                metadata[name] = old["metadata"][name]
        outside = ("metadata", "status")
        if kind.generation and any(
            new.get(name) != old.get(name) for name in new.keys() | old.keys() if name not in outside
        ):
            metadata["generation"] = old["metadata"].get("generation", 0) + 1

    def _grace(self, kind: ResourceType, document: Document, asked: int | None) -> int:
        """Seconds that the object may still live; only pods on a node get any."""
        pod = kind.builtin and kind.kind == "Pod"
        if not pod or not document["spec"].get("nodeName"):
            return 0
        if document.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return 0
        return asked if asked is not None else int(document["spec"].get("terminationGracePeriodSeconds", 30))

    def _mark(self, kind: ResourceType, record: Record, grace: int, dry_run: bool) -> Document:
        metadata = record.document["metadata"]
        if "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds", 0) <= grace:
            return record.document
        new = copy_of(record.document)
        end = datetime.fromtimestamp(self.clock.now().timestamp() + grace, UTC)
        new["metadata"] |= {"deletionTimestamp": timestamp(end), "deletionGracePeriodSeconds": grace}
        key = (metadata.get("namespace", ""), metadata["name"])
        return self._commit("MODIFIED", kind, key, new, record, dry_run).document

    def _commit(
        self,
        type_: ChangeType,
        kind: ResourceType,
        key: Key,
        new: Document,
        old: Record | None,
        dry_run: bool,
    ) -> Record:
        if dry_run:
            return Record(new, self.revision)
        self.revision += 1
        new["metadata"]["resourceVersion"] = str(self.revision)
        record = Record(new, self.revision)
        objects = self._objects.setdefault(kind, {})
        if type_ == "DELETED":
            del objects[key]
        else:
            objects[key] = record
        if type_ != "MODIFIED":
            self._ordered.pop(kind, None)
        self._publish(Change(type_, kind, key, record, old))
        return record

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
