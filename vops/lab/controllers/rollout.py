"""The arithmetic of a rollout: how large each ReplicaSet may be, and what the Deployment says of its progress.

Source: k8s.io/kubernetes pkg/controller/deployment (rolling.go, progress.go, util/deployment_util.go).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor

from vops.lab.controllers.base import condition
from vops.lab.documents import Document, timestamp
from vops.lab.store import Documents


@dataclass(frozen=True)
class Rollout:
    """Desired replicas and the limits of a strategy, percentages resolved as upstream rounds them."""

    replicas: int
    max_surge: int
    max_unavailable: int

    @classmethod
    def of(cls, deployment: Document) -> Rollout:
        spec = deployment["spec"]
        replicas = spec.get("replicas", 1)
        strategy = spec.get("strategy", {})
        if strategy.get("type") == "Recreate":
            return cls(replicas, 0, replicas)
        limits = strategy.get("rollingUpdate") or {}
        surge = resolve(limits.get("maxSurge", "25%"), replicas, up=True)
        unavailable = resolve(limits.get("maxUnavailable", "25%"), replicas, up=False)
        if surge == 0 and unavailable == 0:
            unavailable = 1
        return cls(replicas, surge, min(unavailable, replicas))

    def first_size(self, old: Documents) -> int:
        """The size that a new ReplicaSet starts with."""
        room = self.replicas + self.max_surge - _wanted(old)
        return max(0, min(room, self.replicas))

    def new_size(self, new: Document, old: Documents) -> int:
        """The size that the current ReplicaSet should have now."""
        size: int = new["spec"]["replicas"]
        if size >= self.replicas:
            return self.replicas
        room = self.replicas + self.max_surge - _wanted(old) - size
        return size + max(0, min(room, self.replicas - size))

    def old_sizes(self, new: Document, old: Documents) -> Iterator[tuple[Document, int]]:
        """The sizes that the older ReplicaSets should have now: unhealthy pods go first, then the oldest."""
        least = self.replicas - self.max_unavailable
        new_unavailable = new["spec"]["replicas"] - _available(new)
        removable = _wanted(old) + new["spec"]["replicas"] - least - new_unavailable
        if removable <= 0:
            return
        sizes = {item["metadata"]["name"]: item["spec"]["replicas"] for item in old}
        self._drop_unhealthy(old, sizes, removable)
        spare = sum(min(_available(item), sizes[item["metadata"]["name"]]) for item in old) + _available(new) - least
        for item in old:
            name = item["metadata"]["name"]
            drop = max(0, min(spare, sizes[name]))
            sizes[name] -= drop
            spare -= drop
            yield item, sizes[name]

    @staticmethod
    def _drop_unhealthy(old: Documents, sizes: dict[str, int], removable: int) -> None:
        for item in old:
            name = item["metadata"]["name"]
            drop = max(0, min(removable, sizes[name] - _available(item)))
            sizes[name] -= drop
            removable -= drop


def resolve(value: int | str, total: int, *, up: bool) -> int:
    """A count, or a percentage of `total` rounded up or down."""
    if isinstance(value, int):
        return value
    part = int(value.rstrip("%")) * total / 100
    return ceil(part) if up else floor(part)


def _wanted(replicasets: Documents) -> int:
    return sum(item["spec"]["replicas"] for item in replicasets)


def _available(replicaset: Document) -> int:
    return int(replicaset.get("status", {}).get("availableReplicas", 0))


# --- conditions -------------------------------------------------------------------------------------------


def progress_conditions(
    deployment: Document, status: Document, new: Document | None, failure: Document | None, now: datetime
) -> Documents:
    """The Deployment's conditions after this look at it."""
    rollout = Rollout.of(deployment)
    enough = status.get("availableReplicas", 0) >= rollout.replicas - rollout.max_unavailable
    conditions = [
        _moved(deployment, "Available", now, True, "MinimumReplicasAvailable", "Deployment has minimum availability.")
        if enough
        else _moved(
            deployment,
            "Available",
            now,
            False,
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    ]
    if failure:
        conditions.append(_moved(deployment, "ReplicaFailure", now, True, failure["reason"], failure["message"]))
    if progressing := _progressing(deployment, status, new, now):
        conditions.append(progressing)
    return conditions


def _progressing(deployment: Document, status: Document, new: Document | None, now: datetime) -> Document | None:
    before = condition(deployment, "Progressing")
    if new is None:
        return before
    name = new["metadata"]["name"]
    if _complete(deployment, status):
        text = f'ReplicaSet "{name}" has successfully progressed.'
        return _moved(deployment, "Progressing", now, True, "NewReplicaSetAvailable", text)
    settled = before is not None and before["reason"] == "NewReplicaSetAvailable"
    if settled and status.get("replicas", 0) == status.get("updatedReplicas", 0):
        return before
    if before is None or f'"{name}"' not in before["message"]:
        text = f'Created new replica set "{name}"'
        return _moved(deployment, "Progressing", now, True, "NewReplicaSetCreated", text)
    if _advanced(deployment, status) or settled:
        text = f'ReplicaSet "{name}" is progressing.'
        return _moved(deployment, "Progressing", now, True, "ReplicaSetUpdated", text)
    if _timed_out(deployment, before, now):
        text = f'ReplicaSet "{name}" has timed out progressing.'
        return _moved(deployment, "Progressing", now, False, "ProgressDeadlineExceeded", text)
    return before


def _complete(deployment: Document, status: Document) -> bool:
    replicas = deployment["spec"].get("replicas", 1)
    counts = (status.get("updatedReplicas", 0), status.get("replicas", 0), status.get("availableReplicas", 0))
    return counts == (replicas, replicas, replicas)


def _advanced(deployment: Document, status: Document) -> bool:
    """Whether more pods are updated, ready or available, or fewer old ones left, than at the last look."""
    before = deployment.get("status", {})

    def old(counts: Document) -> int:
        return int(counts.get("replicas", 0)) - int(counts.get("updatedReplicas", 0))

    grown = any(
        status.get(name, 0) > before.get(name, 0) for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    return grown or old(status) < old(before)


def _timed_out(deployment: Document, before: Document, now: datetime) -> bool:
    deadline: int = deployment["spec"].get("progressDeadlineSeconds", 600)
    return now.timestamp() - moment(before["lastUpdateTime"]) > deadline


def moment(stamp: str) -> float:
    """A Kubernetes timestamp in seconds since the epoch."""
    return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def _moved(deployment: Document, type_: str, now: datetime, status: bool, reason: str, message: str) -> Document:
    """A condition whose times tell when it last said something else, and when it last changed sides."""
    before = condition(deployment, type_)
    wanted = {"type": type_, "status": "True" if status else "False", "reason": reason, "message": message}
    if before and all(before.get(name) == value for name, value in wanted.items()) and reason != "ReplicaSetUpdated":
        return before
    same_side = before is not None and before["status"] == wanted["status"]
    stamp = timestamp(now)
    return wanted | {
        "lastUpdateTime": stamp,
        "lastTransitionTime": before["lastTransitionTime"] if before and same_side else stamp,
    }
