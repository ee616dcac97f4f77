"""Events as Kubernetes 1.36 writes them: counted where they repeat, forgotten after an hour.

Controllers and kubelets write the old form (`count`, `lastTimestamp`); the scheduler writes the new one
(`eventTime`, `series`), which tells two events apart by the version of the object that they are about.
Leaves out the budget of 25 events per object: a lab that hides its own evidence would teach nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vops.lab.documents import Document, copy_of, timestamp

if TYPE_CHECKING:
    from vops.lab.world import World

TTL_S = 3600.0
_PURGE_S = 60.0
_Identity = tuple[str, ...]


@dataclass
class _Kept:
    namespace: str
    name: str
    last: float


class EventLog:
    """Writes Event objects into the store and takes them away when they are an hour old."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[_Identity, _Kept] = {}
        self._count = 0
        self._purging = False

    def record(
        self, about: Document, type_: str, reason: str, message: str, *, by: str, host: str = "", field_path: str = ""
    ) -> None:
        """An old-style event; one that repeats is counted."""
        reference = self._reference(about, field_path)
        identity = (by, host, reference["uid"], field_path, type_, reason, message)
        now = timestamp(self._world.clock.now())
        if existing := self._existing(identity):
            self._update(existing, {"count": existing["count"] + 1, "lastTimestamp": now})
            return
        self._create(
            identity,
            reference,
            {
                "type": type_,
                "reason": reason,
                "message": message,
                "source": {"component": by, **({"host": host} if host else {})},
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
                "eventTime": None,
                "reportingComponent": by,
                "reportingInstance": host,
            },
        )

    def record_new(self, about: Document, type_: str, reason: str, message: str, *, by: str, action: str) -> None:
        """A new-style event; one that repeats becomes a series."""
        reference = self._reference(about, "")
        identity = (by, reference["uid"], reference["resourceVersion"], type_, reason, action)
        now = self._micros()
        if existing := self._existing(identity):
            seen = existing.get("series", {}).get("count", 1)
            self._update(existing, {"series": {"count": seen + 1, "lastObservedTime": now}})
            return
        self._create(
            identity,
            reference,
            {
                "type": type_,
                "reason": reason,
                "message": message[:1024],
                "source": {},
                "firstTimestamp": None,
                "lastTimestamp": None,
                "eventTime": now,
                "action": action,
                "reportingComponent": by,
                "reportingInstance": f"{by}-control-plane-1",
            },
        )

    @staticmethod
    def _reference(about: Document, field_path: str) -> Document:
        metadata = about["metadata"]
        return {
            "kind": about["kind"],
            "namespace": metadata.get("namespace", ""),
            "name": metadata["name"],
            "uid": metadata["uid"],
            "apiVersion": about["apiVersion"],
            "resourceVersion": metadata["resourceVersion"],
            **({"fieldPath": field_path} if field_path else {}),
        }

    def _existing(self, identity: _Identity) -> Document | None:
        kept = self._kept.get(identity)
        if kept is None:
            return None
        kept.last = self._world.now
        found = self._world.store.find("v1", "Event", kept.namespace, kept.name)
        return copy_of(found) if found else None

    def _update(self, event: Document, members: Document) -> None:
        self._world.store.update(event | members)

    def _create(self, identity: _Identity, reference: Document, members: Document) -> None:
        self._count += 1
        namespace = reference["namespace"] or "default"
        name = f"{reference['name']}.{int(self._world.now * 1e9) + self._count:x}"
        metadata = {"name": name, "namespace": namespace}
        self._world.store.create(
            {"apiVersion": "v1", "kind": "Event", "metadata": metadata, "involvedObject": reference} | members
        )
        self._kept[identity] = _Kept(namespace, name, self._world.now)
        if not self._purging:
            self._purging = True
            self._world.after(_PURGE_S, self._purge)

    def _purge(self) -> None:
        """Takes away what nobody repeated for an hour; plans itself again while there is anything left."""
        now = self._world.now
        for identity, kept in list(self._kept.items()):
            if now - kept.last >= TTL_S:
                del self._kept[identity]
                if self._world.store.find("v1", "Event", kept.namespace, kept.name):
                    self._world.store.delete("v1", "Event", kept.namespace, kept.name)
        self._purging = bool(self._kept)
        if self._purging:
            self._world.after(_PURGE_S, self._purge)

    def _micros(self) -> str:
        return datetime.fromtimestamp(self._world.now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
