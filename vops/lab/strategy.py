"""What the API server does to an object on its way to the store: identity, status split, generation, termination.

Pure functions on documents that the caller owns; the store supplies uid, name and time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from vops.lab.defaults import admit, apply_defaults
from vops.lab.documents import Document, copy_of, timestamp
from vops.lab.kinds import ResourceType

_SERVER_OWNED = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "resourceVersion",
)
_NOT_COUNTED = ("metadata", "status")


def prepare(kind: ResourceType, new: Document, *, suffix: str, uid: str, now: datetime) -> None:
    """Makes a document a new object: name (`generateName` plus `suffix`), uid, time, generation, defaults."""
    metadata = new.setdefault("metadata", {})
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + suffix
    metadata.pop("managedFields", None)
    metadata |= {"uid": uid, "creationTimestamp": timestamp(now)}
    if kind.generation:
        metadata["generation"] = 1
    if kind.builtin:
        apply_defaults(new)


def replaced(kind: ResourceType, old: Document, document: Document) -> Document:
    """`document` in place of `old`, which keeps its status and what the server owns of its metadata."""
    new: Document = copy_of(document)
    if kind.status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = dict(old["status"])
    _keep_server_owned(new, old)
    if kind.builtin:
        apply_defaults(new)
        admit(new)
    counted = [name for name in new.keys() | old.keys() if name not in _NOT_COUNTED]
    if kind.generation and any(new.get(name) != old.get(name) for name in counted):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    return new


def with_status(old: Document, document: Document) -> Document:
    """`old` with the status of `document`; a pod keeps its QoS class."""
    status = copy_of(document.get("status", {}))
    if "qosClass" in old.get("status", {}):
        status["qosClass"] = old["status"]["qosClass"]
    return {**old, "metadata": dict(old["metadata"]), "status": status}


def _keep_server_owned(new: Document, old: Document) -> None:
    """A writer may edit the managed fields; what it leaves out or empties stays as it is."""
    edited = new["metadata"].get("managedFields")
    for name in _SERVER_OWNED:
        if name == "managedFields" and edited:
            continue
        new["metadata"].pop(name, None)
        if name in old["metadata"]:
            new["metadata"][name] = old["metadata"][name]


def grace_period_s(kind: ResourceType, document: Document, asked: int | None) -> int:
    """Seconds that a deleted object may live on; only a pod that still runs on a node gets any."""
    if kind.kind != "Pod" or not document["spec"].get("nodeName"):
        return 0
    if document.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    return asked if asked is not None else int(document["spec"].get("terminationGracePeriodSeconds", 30))


def terminating(document: Document, now: datetime, grace_s: int, finalizer: str = "") -> Document:
    """`document` marked for deletion; the mark counts as a new generation, as the API server has it."""
    metadata = dict(document["metadata"])
    if "generation" in metadata and "deletionTimestamp" not in metadata:
        metadata["generation"] += 1
    metadata["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace_s))
    metadata["deletionGracePeriodSeconds"] = grace_s
    if finalizer and finalizer not in metadata.get("finalizers", []):
        metadata["finalizers"] = [*metadata.get("finalizers", []), finalizer]
    return {**document, "metadata": metadata}


def is_over(document: Document) -> bool:
    """Whether nothing holds a terminating object any more: no grace period and no finalizer."""
    metadata = document["metadata"]
    held = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
    return "deletionTimestamp" in metadata and not held
