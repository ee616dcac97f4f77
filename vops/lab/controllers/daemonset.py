"""The DaemonSet controller: one pod on every node that fits; leaves out updates of the pods it has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.lab.controllers.base import Controller, controller_of, is_true, key_of, terminating
from vops.lab.controllers.placement import affinity_matches, untolerated
from vops.lab.controllers.replicaset import pod_from, pods_of
from vops.lab.documents import Change, Document, Key, copy_of
from vops.lab.statuses import ApiError
from vops.lab.store import Documents
from vops.lab.timeline import Timer

if TYPE_CHECKING:
    from vops.lab.world import World

_AGAIN_S = 60.0
_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)


class DaemonSetController(Controller):
    """Binds its pods by node name, as the scheduler would."""

    name = "daemonset-controller"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._waiting: dict[Key, Timer] = {}

    def notice(self, change: Change) -> None:
        kind = change.kind.kind
        if kind == "DaemonSet":
            self.mark(change.key)
        elif kind == "Node" and change.type != "MODIFIED":
            for daemonset in self.store.list("apps/v1", "DaemonSet"):
                self.mark(key_of(daemonset))
        elif kind == "Pod":
            owner = controller_of(change.document)
            if owner and owner["kind"] == "DaemonSet":
                self.mark((change.key[0], owner["name"]))

    def reconcile(self, key: Key) -> None:
        daemonset = self.store.find("apps/v1", "DaemonSet", *key)
        if daemonset is None or terminating(daemonset):
            return
        nodes = [node["metadata"]["name"] for node in self.store.list("v1", "Node") if fits(daemonset, node)]
        present = {pod["spec"].get("nodeName") for pod in pods_of(self.world, daemonset)}
        for node in nodes:
            if node not in present:
                self._create(daemonset, node)
        self._report(daemonset, len(nodes))

    def _create(self, daemonset: Document, node: str) -> None:
        """Makes the pod for a node; one that is refused is tried again after a while."""
        try:
            pod = self.store.create(_pod_on(daemonset, node), manager="kube-controller-manager")
        except ApiError as refusal:
            message = f"Error creating: {refusal.message}"
            self.world.events.record(daemonset, "Warning", "FailedCreate", message, by=self.name)
            self._try_again(key_of(daemonset))
            return
        message = f"Created pod: {pod['metadata']['name']}"
        self.world.events.record(daemonset, "Normal", "SuccessfulCreate", message, by=self.name)

    def _try_again(self, key: Key) -> None:
        if key not in self._waiting:
            self._waiting[key] = self.world.after(_AGAIN_S, lambda: self._retry(key))

    def _retry(self, key: Key) -> None:
        del self._waiting[key]
        self.mark(key)

    def _report(self, daemonset: Document, wanted: int) -> None:
        pods = pods_of(self.world, daemonset)
        ready = sum(is_true(pod, "Ready") for pod in pods)
        status = {
            "currentNumberScheduled": len(pods),
            "desiredNumberScheduled": wanted,
            "numberMisscheduled": 0,
            "numberReady": ready,
            "numberAvailable": ready,
            "updatedNumberScheduled": len(pods),
            "observedGeneration": daemonset["metadata"].get("generation", 1),
        }
        self.store.update_status(copy_of(daemonset) | {"status": status})


def fits(daemonset: Document, node: Document) -> bool:
    """Whether the DaemonSet wants a pod on that node."""
    spec = daemonset["spec"]["template"]["spec"]
    return affinity_matches(spec, node) and untolerated(_tolerations(spec), node) is None


def _pod_on(daemonset: Document, node: str) -> Document:
    spec = daemonset["spec"]["template"]["spec"]
    return pod_from(daemonset, nodeName=node, tolerations=_tolerations(spec))


def _tolerations(spec: Document) -> Documents:
    always = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in _TOLERATED]
    return [*spec.get("tolerations", ()), *always]
