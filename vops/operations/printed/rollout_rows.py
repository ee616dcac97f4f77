"""A rollout as `kubectl get pods` lists it: an old pod that runs, and a new one of the same Deployment that waits.

The names tell which ReplicaSet a pod is of; why the new one waits stands beside the table, in an event that may leave
out whose it is. Without such an event nothing is said.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from vops.diagnosis.placement.demands import is_gpu
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told

Document = dict[str, Any]
Row = dict[str, str]

_ROW = lazy_pattern(
    r"^ {0,12}(?:[a-z0-9-]{1,63} +)??"
    r"(?P<name>(?P<base>[a-z0-9][a-z0-9-]{0,200})-(?P<hash>[a-z0-9]{6,10})-[a-z0-9]{5}) +"
    r"(?P<ready>\d{1,2})/(?P<all>\d{1,2}) +(?P<status>Running|Pending) +\d",
    re.MULTILINE,
)
_REPLICASET = lazy_pattern(
    r"^ {0,12}(?:[a-z0-9-]{1,63} +)??(?:replicaset\.apps/)?(?P<base>[a-z0-9][a-z0-9-]{0,200})-"
    r"(?P<hash>[a-z0-9]{6,10}) +\d{1,4} +\d{1,4} +(?P<ready>\d{1,4}) +[\dywdhms]{2,12}\b",
    re.MULTILINE,
)
"""A row of a table of ReplicaSets: how many pods it is meant to have, has, and are ready."""

_SHORT = lazy_pattern(r"Insufficient ([\w.-]{1,200}/[\w.-]{0,62}\w)")


def rollouts(text: str, told: Sequence[Told], documents: Sequence[Document]) -> tuple[list[Document], list[Told]]:
    """The pods of a rollout whose new pod found no GPU, with their Deployment, and the events with that pod's name."""
    refused = [item for item in told if item.reason == "FailedScheduling" and _resource(item)]
    names = {item.about.get("name", "") for item in refused}
    rows = (_rows(text) or _of_replicasets(text, names)) if refused else []
    new = _new(rows, names - {""})
    old = [row for row in rows if _came_before(row, new)] if new else []
    if new is None or not old:
        return [], list(told)
    resource, place = _resource(refused[-1]), _namespace(new["base"], documents)
    found = [_pod(row, place, resource) for row in old] + [_pod(new, place, resource, refused[-1].message)]
    if not any(item.get("kind") == "Deployment" for item in documents):
        meta = {"name": new["base"], "namespace": place, "uid": f"deployment/{new['base']}"}
        template = {"spec": {"containers": [_container(resource)]}}
        found.append({"kind": "Deployment", "metadata": meta, "spec": {"replicas": len(old), "template": template}})
    about = {"kind": "Pod", "name": new["name"], "namespace": place}
    return found, [msgspec.structs.replace(item, about=about) if item in refused else item for item in told]


def lists_a_rollout(text: str) -> bool:
    """Whether a table of pods has an old pod that runs and a new one of the same Deployment that waits."""
    rows = _rows(text)
    new = _new(rows, set())
    return new is not None and any(_came_before(row, new) for row in rows)


def _rows(text: str) -> list[Row]:
    return [match.groupdict() for match in _ROW.finditer(text)]


def _of_replicasets(text: str, names: set[str]) -> list[Row]:
    """The pods that a table of ReplicaSets tells of: one that runs of each that has some, and the one that waits."""
    found: list[Row] = []
    for row in _REPLICASET.finditer(text):
        ready, own = row["ready"], f"{row['base']}-{row['hash']}-"
        waits = next((name for name in names if name.startswith(own)), "")
        if waits or ready != "0":
            status = {"status": "Pending", "ready": "0"} if waits else {"status": "Running", "ready": "1"}
            found.append({"base": row["base"], "hash": row["hash"], "name": waits or f"{own}old", "all": "1", **status})
    return found


def _new(rows: Sequence[Row], names: set[str]) -> Row | None:
    """The new pod that waits: the one that the events name, or any where all that wait are of one ReplicaSet."""
    waiting = [row for row in rows if row["status"] == "Pending"]
    if len({(row["base"], row["hash"]) for row in waiting}) != 1 or len(names) > 1:
        return None
    return next((row for row in waiting if names <= {row["name"]}), None)


def _came_before(row: Row, new: Row) -> bool:
    same = row["base"] == new["base"] and row["hash"] != new["hash"]
    return same and row["status"] == "Running" and row["ready"] == row["all"]


def _resource(told: Told) -> str:
    """The GPUs of which there were too few; empty where it was something else."""
    return next((match[1] for match in _SHORT.finditer(told.message) if is_gpu(match[1])), "")


def _namespace(deployment: str, documents: Sequence[Document]) -> str:
    found: dict[str, str] = defaultdict(str)
    for item in documents:
        if item.get("kind") == "Deployment":
            found[item["metadata"]["name"]] = item["metadata"].get("namespace") or ""
    return found[deployment]


def _container(resource: str) -> Document:
    amounts = {resource: "1"}
    return {"name": "vllm", "command": ["vllm", "serve"], "resources": {"limits": amounts, "requests": amounts}}


def _pod(row: Row, namespace: str, resource: str, refusal: str = "") -> Document:
    owner = {"kind": "ReplicaSet", "name": f"{row['base']}-{row['hash']}", "controller": True}
    runs = {"name": "vllm", "ready": True, "state": {"running": {}}}
    scheduled = {"type": "PodScheduled", "status": "False" if refusal else "True", "message": refusal}
    ready = [] if refusal else [{"type": "Ready", "status": "True"}]
    return {
        "kind": "Pod",
        "metadata": {
            "name": row["name"],
            "namespace": namespace,
            "labels": {"pod-template-hash": row["hash"]},
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": "" if refusal else "unknown", "containers": [_container(resource)]},
        "status": {
            "phase": row["status"],
            "conditions": [scheduled, *ready],
            "containerStatuses": [] if refusal else [runs],
        },
    }
