"""The scale subresource: the replica count of a workload, by itself."""

from __future__ import annotations

from vops.lab import statuses
from vops.lab.documents import Document
from vops.lab.kinds import ResourceType
from vops.lab.statuses import Cause

_SCALE = ResourceType("autoscaling", "v1", "Scale", "scales")


def scale_of(workload: Document) -> Document:
    """The workload's Scale object."""
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = workload["spec"].get("selector", {}).get("matchLabels", {})
    status: Document = {"replicas": workload.get("status", {}).get("replicas", 0)}
    if labels:
        status["selector"] = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: workload["metadata"][name] for name in kept if name in workload["metadata"]},
        "spec": {"replicas": workload["spec"].get("replicas", 0)},
        "status": status,
    }


def change_scale(workload: Document, scale: Document, name: str) -> Document:
    """The workload with the replicas that a Scale asks for. Raises ApiError 422."""
    replicas = scale.get("spec", {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise statuses.invalid(_SCALE, name, [Cause("FieldValueInvalid", why, "spec.replicas")])
    metadata = dict(workload["metadata"])
    if scale.get("metadata", {}).get("resourceVersion"):
        metadata["resourceVersion"] = scale["metadata"]["resourceVersion"]
    return workload | {"metadata": metadata, "spec": workload["spec"] | {"replicas": replicas}}
