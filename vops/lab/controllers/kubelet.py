"""The kubelets of all nodes: they run the pods that are bound to a node, and report what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.lab.controllers.base import Controller, condition
from vops.lab.controllers.container import ContainerUnit
from vops.lab.controllers.podworker import PodWorker
from vops.lab.controllers.rollout import moment
from vops.lab.documents import Change, Document, Key
from vops.lab.machine import Machine

if TYPE_CHECKING:
    from vops.lab.world import World


class Kubelet(Controller):
    """One worker a pod; a machine for every Node object that a pod was bound to."""

    name = "kubelet"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._workers: dict[Key, PodWorker] = {}
        self._machines: dict[str, Machine] = {}

    def notice(self, change: Change) -> None:
        if change.kind.kind == "Pod":
            self.mark(change.key)

    def reconcile(self, key: Key) -> None:
        pod = self.store.find("v1", "Pod", *key)
        worker = self._workers.get(key)
        if worker and (pod is None or worker.uid != pod["metadata"]["uid"]):
            worker.vanish()
            del self._workers[key]
            worker = None
        if pod is None or not pod["spec"].get("nodeName"):
            return
        if worker is None:
            self._admit(key, pod)
        else:
            worker.update(pod)

    def _admit(self, key: Key, pod: Document) -> None:
        machine = self.machine(pod["spec"]["nodeName"])
        if machine is None:
            return
        self._workers[key] = PodWorker(self.world, pod, machine)
        self._workers[key].admit()

    # --- for the rest of the world ------------------------------------------------------------------------

    def machine(self, node: str) -> Machine | None:
        """The machine behind a Node object; None when there is no such object."""
        found = self.store.find("v1", "Node", "", node)
        if found is None:
            return None
        if node not in self._machines:
            self._machines[node] = Machine.of(found, len(self._machines))
        return self._machines[node]

    @property
    def workers(self) -> tuple[PodWorker, ...]:
        return tuple(self._workers.values())

    def worker(self, namespace: str, pod: str) -> PodWorker | None:
        return self._workers.get((namespace, pod))

    def container(self, namespace: str, pod: str, container: str) -> ContainerUnit | None:
        worker = self.worker(namespace, pod)
        return worker.unit(container) if worker else None

    @staticmethod
    def ready_since(pod: Document) -> float:
        """When the pod became ready, in seconds since the epoch."""
        ready = condition(pod, "Ready")
        return moment(ready["lastTransitionTime"]) if ready else 0.0
