"""Parts of objects that somebody copied without what says which kind they are.

The fields tell: only a pod has containers and their statuses, only an event is about another object. A status alone
becomes a pod with the containers that it speaks of.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

_OF_A_STATUS = frozenset({"containerStatuses", "initContainerStatuses"})
_OF_A_TEMPLATE = frozenset({"template", "selector"})


def whole(document: Document) -> Document:
    """A document with the kind that its fields show, where it has none of its own."""
    if document.get("kind") or "items" in document:
        return document
    if "involvedObject" in document or "regarding" in document:
        return {"kind": "Event", **document}
    if _OF_A_STATUS & document.keys():
        document = {"status": document}
    elif isinstance(document.get("containers"), list):
        document = {"spec": document}
    spec, status = document.get("spec"), document.get("status")
    spec, status = spec if isinstance(spec, dict) else {}, status if isinstance(status, dict) else {}
    if spec.keys() >= _OF_A_TEMPLATE:
        return {"kind": "Deployment", **document}
    if isinstance(spec.get("containers"), list) or _OF_A_STATUS & status.keys():
        return _pod(document, spec, status)
    return document


def _pod(document: Document, spec: Document, status: Document) -> Document:
    named = {name: _containers(status, f"{name[:-1]}Statuses") for name in ("containers", "initContainers")}
    started = any(isinstance(item, dict) and item.get("state") for item in status.get("containerStatuses") or ())
    return {
        **document,
        "kind": "Pod",
        "metadata": document.get("metadata") or {"name": "pod"},
        "spec": {**({"nodeName": "unknown"} if started else {}), **named, **spec},
        "status": {"phase": "Running" if started else "", **status},
    }


def _containers(status: Document, key: str) -> list[Document]:
    found = status.get(key)
    statuses = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return [{"name": item.get("name", "vllm"), "image": item.get("image", "")} for item in statuses]
