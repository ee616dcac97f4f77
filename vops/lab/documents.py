"""The pieces a store is made of: documents, their versions and the changes between them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from vops.lab.kinds import ResourceType

Document = dict[str, Any]
Key = tuple[str, str]
"""Namespace (empty for cluster-scoped objects) and name."""
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


def timestamp(moment: datetime) -> str:
    """A moment as Kubernetes writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_of(document: Document) -> Key:
    """Namespace and name of an object."""
    return document["metadata"].get("namespace", ""), document["metadata"]["name"]


def copy_of(document: Any) -> Any:
    """A deep copy of plain JSON, many times faster than `copy.deepcopy`."""
    return msgspec.to_builtins(document)


class Record:
    """One version of one object, with its JSON encoded at most once."""

    __slots__ = ("_members", "document", "revision")

    def __init__(self, document: Document, revision: int) -> None:
        self.document = document
        self.revision = revision
        self._members: bytes | None = None

    def item(self) -> bytes:
        """The object without `kind` and `apiVersion`, as the API writes the items of a typed list."""
        if self._members is None:
            members = {key: value for key, value in self.document.items() if key not in ("kind", "apiVersion")}
            self._members = msgspec.json.encode(members)
        return self._members

    def body(self) -> bytes:
        """The whole object."""
        head = msgspec.json.encode({"kind": self.document["kind"], "apiVersion": self.document["apiVersion"]})
        return head[:-1] + b"," + self.item()[1:]


class Change:
    """One committed write: `old` is None when the object was added; for DELETED, `new` is its last state."""

    __slots__ = ("key", "kind", "new", "old", "type")

    def __init__(
        self,
        type_: ChangeType,
        kind: ResourceType,
        key: Key,
        new: Record,
        old: Record | None,
    ) -> None:
        self.type = type_
        self.kind = kind
        self.key = key
        self.new = new
        self.old = old

    @property
    def revision(self) -> int:
        return self.new.revision

    @property
    def document(self) -> Document:
        """The object after the write; shared, not to be changed."""
        return self.new.document
