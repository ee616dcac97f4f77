"""The ReplicaSet controller: keeps as many pods as wanted, and says how many of them serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.lab.controllers.base import Controller, controller_of, is_true, key_of, owner_reference, terminating
from vops.lab.documents import Change, Document, Key, copy_of, timestamp
from vops.lab.statuses import ApiError
from vops.lab.store import Documents

if TYPE_CHECKING:
    from vops.lab.world import World

_FINISHED = ("Succeeded", "Failed")
_AGAIN_S = 30.0
"""How long it waits before it tries again to make a pod that was refused."""


class ReplicaSetController(Controller):
    """Pods from templates; deletes the least useful ones first, as upstream ranks them."""

    name = "replicaset-controller"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._refused: dict[Key, tuple[float, str]] = {}

    def notice(self, change: Change) -> None:
        if change.kind.kind == "ReplicaSet":
            self.mark(change.key)
        elif change.kind.kind == "Pod":
            owner = controller_of(change.document)
            if owner and owner["kind"] == "ReplicaSet":
                self.mark((change.key[0], owner["name"]))

    def reconcile(self, key: Key) -> None:
        replicaset = self.store.find("apps/v1", "ReplicaSet", *key)
        if replicaset is None or terminating(replicaset):
            return
        pods = pods_of(self.world, replicaset)
        active = [pod for pod in pods if not terminating(pod) and pod.get("status", {}).get("phase") not in _FINISHED]
        missing = replicaset["spec"].get("replicas", 1) - len(active)
        failure = self._create_if_due(replicaset, missing) if missing > 0 else ""
        if missing < 0:
            self._delete(replicaset, active, -missing)
        self._report(replicaset, failure)

    def _create_if_due(self, replicaset: Document, count: int) -> str:
        """Creates pods, unless that was refused a moment ago; returns why it could not, if so."""
        key = key_of(replicaset)
        until, failure = self._refused.get(key, (0.0, ""))
        if self.world.now < until:
            return failure
        failure = self._create(replicaset, count)
        self._refused[key] = (self.world.now + _AGAIN_S, failure) if failure else (0.0, "")
        if failure:
            self.mark_after(_AGAIN_S, key)
        return failure

    def _create(self, replicaset: Document, count: int) -> str:
        """Creates `count` pods; returns why it could not, if so."""
        for _ in range(count):
            try:
                pod = self.store.create(pod_from(replicaset), manager="kube-controller-manager")
            except ApiError as refusal:
                message = f"Error creating: {refusal.message}"
                self.world.events.record(replicaset, "Warning", "FailedCreate", message, by=self.name)
                return refusal.message
            name = pod["metadata"]["name"]
            self.world.events.record(replicaset, "Normal", "SuccessfulCreate", f"Created pod: {name}", by=self.name)
        return ""

    def _delete(self, replicaset: Document, active: Documents, count: int) -> None:
        for pod in sorted(active, key=_usefulness)[:count]:
            namespace, name = key_of(pod)
            self.store.delete("v1", "Pod", namespace, name)
            self.world.events.record(replicaset, "Normal", "SuccessfulDelete", f"Deleted pod: {name}", by=self.name)

    def _report(self, replicaset: Document, failure: str) -> None:
        pods = pods_of(self.world, replicaset)
        active = [pod for pod in pods if not terminating(pod) and pod.get("status", {}).get("phase") not in _FINISHED]
        ready = [pod for pod in active if is_true(pod, "Ready")]
        status: Document = {
            "replicas": len(active),
            "fullyLabeledReplicas": len(active),
            "readyReplicas": len(ready),
            "availableReplicas": len(self._available(replicaset, ready)),
            "terminatingReplicas": len(pods) - len(active),
            "observedGeneration": replicaset["metadata"].get("generation", 1),
        }
        conditions = self._failure_condition(replicaset, failure)
        if conditions:
            status["conditions"] = conditions
        changed = copy_of(replicaset) | {"status": status}
        self.store.update_status(changed)

    def _available(self, replicaset: Document, ready: Documents) -> Documents:
        """The ready pods that have been so for `minReadySeconds`; looks again when the next one will be."""
        wait = replicaset["spec"].get("minReadySeconds", 0)
        if not wait:
            return ready
        young = [pod for pod in ready if self.world.now - self.world.kubelet.ready_since(pod) < wait]
        if young:
            self.mark_after(wait, key_of(replicaset))
        return [pod for pod in ready if pod not in young]

    def _failure_condition(self, replicaset: Document, failure: str) -> Documents:
        if not failure:
            return []
        return [
            {
                "type": "ReplicaFailure",
                "status": "True",
                "reason": "FailedCreate",
                "message": failure,
                "lastTransitionTime": timestamp(self.world.clock.now()),
            }
        ]


def pods_of(world: World, owner: Document) -> Documents:
    """The pods that `owner` manages."""
    uid = owner["metadata"]["uid"]
    pods = world.store.list("v1", "Pod", owner["metadata"].get("namespace", ""))
    return [pod for pod in pods if (controller_of(pod) or {}).get("uid") == uid]


def pod_from(owner: Document, **spec: object) -> Document:
    """A new pod from the owner's template; `spec` overrides members of its spec."""
    template = copy_of(owner["spec"]["template"])
    metadata = {
        "generateName": owner["metadata"]["name"] + "-",
        "namespace": owner["metadata"]["namespace"],
        "labels": template.get("metadata", {}).get("labels", {}),
        "ownerReferences": [owner_reference(owner)],
    }
    annotations = template.get("metadata", {}).get("annotations")
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": template["spec"] | spec,
        "status": {"phase": "Pending"},
    }


def _usefulness(pod: Document) -> tuple[bool, bool, bool, int, str]:
    """Sorts pods so that the one to delete first comes first: unassigned, pending, not ready, restarted, youngest."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    restarts = sum(status.get("restartCount", 0) for status in statuses)
    phase = pod.get("status", {}).get("phase", "Pending")
    created = pod["metadata"]["creationTimestamp"]
    return (
        bool(pod["spec"].get("nodeName")),
        phase == "Running",
        is_true(pod, "Ready"),
        -restarts,
        "".join(chr(0x10FFFF - ord(letter)) for letter in created),
    )
