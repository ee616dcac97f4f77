"""What every simulated controller is: a queue of keys, filled by noticed changes, emptied by reconciling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.lab.documents import Change, Document, Key

if TYPE_CHECKING:
    from vops.lab.world import World


class Controller:
    """Notices changes, and reconciles one key at a time; `name` signs its writes and events."""

    name = ""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = world.store
        self._queue: dict[Key, None] = {}

    def notice(self, change: Change) -> None:
        """Marks what a change asks this controller to look at."""
        raise NotImplementedError

    def reconcile(self, key: Key) -> None:
        """Brings one object nearer to what it should be."""
        raise NotImplementedError

    def mark(self, key: Key) -> None:
        self._queue[key] = None

    def mark_after(self, seconds: float, key: Key) -> None:
        self.world.after(seconds, lambda: self.mark(key))

    def work(self) -> bool:
        """Reconciles everything marked so far; tells whether there was anything."""
        if not self._queue:
            return False
        queue, self._queue = self._queue, {}
        for key in queue:
            self.reconcile(key)
        return True


def key_of(document: Document) -> Key:
    metadata = document["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def controller_of(document: Document) -> Document | None:
    """The owner reference of the object that manages this one."""
    for owner in document["metadata"].get("ownerReferences", ()):
        if owner.get("controller"):
            return dict(owner)
    return None


def owner_reference(owner: Document) -> Document:
    """What a controller writes into the objects that it makes for `owner`."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def terminating(document: Document) -> bool:
    return "deletionTimestamp" in document["metadata"]


def condition(document: Document, type_: str) -> Document | None:
    """The status condition of that type."""
    for item in document.get("status", {}).get("conditions", ()):
        if item["type"] == type_:
            return dict(item)
    return None


def is_true(document: Document, type_: str) -> bool:
    found = condition(document, type_)
    return found is not None and found["status"] == "True"
