"""What becomes of a node whose kubelet is silent: it is not ready, it is tainted, and its pods are told to go.

Sources: k8s.io/kubernetes pkg/controller/nodelifecycle (node_lifecycle_controller.go) and pkg/controller/tainteviction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.lab.controllers.base import Controller, is_true, key_of, terminating
from vops.lab.controllers.placement import tolerates
from vops.lab.documents import Change, Document, Key, copy_of, timestamp
from vops.lab.store import Documents

if TYPE_CHECKING:
    from vops.lab.world import World

_GRACE_S = 50.0
"""How long a kubelet may be silent (node-monitor-grace-period)."""
_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_UNREACHABLE = "node.kubernetes.io/unreachable"
_SILENT = {"status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
_DELETED_BY_TAINT = "Taint manager: deleting due to NoExecute taint"


class NodeLifecycle(Controller):
    """Notices silent kubelets; evicts pods from nodes with NoExecute taints when they do not tolerate them (longer)."""

    name = "node-controller"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._leaving: set[str] = set()

    def notice(self, change: Change) -> None:
        if change.kind.kind == "Node" and change.type != "DELETED":
            self.mark(change.key)
        elif change.kind.kind == "Node":
            for pod in self._pods_on(change.key[1]):
                self._forget(pod)

    def silent(self, node: str) -> None:
        """A kubelet has stopped posting; told by whoever took it away."""
        self.world.after(_GRACE_S, lambda: self._give_up(node))

    def reconcile(self, key: Key) -> None:
        node = self.store.find("v1", "Node", *key)
        if node is None:
            return
        taints = [taint for taint in node["spec"].get("taints", ()) if taint["effect"] == "NoExecute"]
        out_of_service = any(taint["key"] == _OUT_OF_SERVICE for taint in taints) and not is_true(node, "Ready")
        for pod in self._pods_on(key[1]) if taints else []:
            self._watch(pod, taints)
            if out_of_service and terminating(pod):
                self._forget(pod)

    # --- silence ------------------------------------------------------------------------------------------

    def _give_up(self, name: str) -> None:
        found = self.store.find("v1", "Node", "", name)
        if found is None or not self.world.kubelet.is_lost(name):
            return
        node = copy_of(found)
        now = timestamp(self.world.clock.now())
        for item in node["status"]["conditions"]:
            item |= _SILENT | {"lastTransitionTime": now}
        self.store.update_status(node, manager="kube-controller-manager")
        self._taint(name, now)
        self.world.events.record(
            node, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady", by=self.name
        )
        for pod in self._pods_on(name):
            self._mark_not_ready(pod, now)

    def _taint(self, name: str, now: str) -> None:
        node = copy_of(self.store.get("v1", "Node", "", name))
        taints = node["spec"].setdefault("taints", [])
        for effect in ("NoSchedule", "NoExecute"):
            taints.append({"key": _UNREACHABLE, "effect": effect, "timeAdded": now})
        self.store.update(node, manager="kube-controller-manager")

    def _mark_not_ready(self, found: Document, now: str) -> None:
        pod = copy_of(found)
        for item in pod["status"].get("conditions", ()):
            if item["type"] == "Ready" and item["status"] == "True":
                item |= {"status": "False", "lastTransitionTime": now}
        self.store.update_status(pod, manager="kube-controller-manager")
        self.world.events.record(pod, "Warning", "NodeNotReady", "Node is not ready", by=self.name)

    # --- eviction -----------------------------------------------------------------------------------------

    def _watch(self, pod: Document, taints: Documents) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._leaving or terminating(pod):
            return
        waits = _tolerated_s(pod, taints)
        if waits is not None:
            self._leaving.add(uid)
            key = key_of(pod)
            self.world.after(waits, lambda: self._evict(key, uid))

    def _evict(self, key: Key, uid: str) -> None:
        self._leaving.discard(uid)
        found = self.store.find("v1", "Pod", *key)
        node = found and self.store.find("v1", "Node", "", found["spec"]["nodeName"])
        if not found or not node or found["metadata"]["uid"] != uid or terminating(found):
            return
        if not any(taint["effect"] == "NoExecute" for taint in node["spec"].get("taints", ())):
            return
        pod = copy_of(found)
        target = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": _DELETED_BY_TAINT,
            "lastTransitionTime": timestamp(self.world.clock.now()),
        }
        pod["status"]["conditions"] = [*pod["status"].get("conditions", ()), target]
        self.store.update_status(pod, manager="kube-controller-manager")
        said = f"Marking for deletion Pod {key[0]}/{key[1]}"
        self.world.events.record(pod, "Normal", "TaintManagerEviction", said, by="taint-eviction-controller")
        self.store.delete("v1", "Pod", *key, uid=uid)

    # --- nodes that are gone ------------------------------------------------------------------------------

    def _forget(self, pod: Document) -> None:
        """The pod garbage collector removes what was bound to a node that is no longer there."""
        self.store.delete("v1", "Pod", *key_of(pod), uid=pod["metadata"]["uid"], grace_period_s=0)

    def _pods_on(self, node: str) -> Documents:
        return [pod for pod in self.store.list("v1", "Pod") if pod["spec"].get("nodeName") == node]


def _tolerated_s(pod: Document, taints: Documents) -> float | None:
    """How long a pod may stay with these taints; None for ever."""
    shortest: float | None = None
    for taint in taints:
        accepting = [item for item in pod["spec"].get("tolerations", ()) if tolerates(item, taint)]
        if not accepting:
            return 0.0
        limits = [item["tolerationSeconds"] for item in accepting if item.get("tolerationSeconds") is not None]
        if limits:
            shortest = min([*limits, *([] if shortest is None else [shortest])])
    return shortest
