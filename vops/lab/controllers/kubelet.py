"""The kubelets of all nodes: they run the pods that are bound to a node, and report what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.lab.controllers.base import Controller, condition
from vops.lab.controllers.container import ContainerUnit
from vops.lab.controllers.podworker import PodWorker
from vops.lab.controllers.rollout import moment
from vops.lab.documents import Change, Document, Key, copy_of, timestamp
from vops.lab.machine import GPU, Machine

if TYPE_CHECKING:
    from vops.lab.world import World

_HEARTBEAT_S = 300.0


class Kubelet(Controller):
    """One worker a pod; a machine for every Node object that a pod was bound to."""

    name = "kubelet"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._workers: dict[Key, PodWorker] = {}
        self._machines: dict[str, Machine] = {}
        self._lost: set[str] = set()

    def notice(self, change: Change) -> None:
        if change.kind.kind == "Pod":
            self.mark(change.key)
        elif change.kind.kind == "Node" and change.type == "ADDED":
            self._register(change.document)

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
        if machine is None or self.is_lost(machine.name):
            return
        self._workers[key] = PodWorker(self.world, pod, machine)
        self._workers[key].admit()

    # --- nodes --------------------------------------------------------------------------------------------

    def _register(self, node: Document) -> None:
        """A kubelet takes over a node: says where it is reached, and that it is well from now on."""
        name = node["metadata"]["name"]
        self.world.after(0.0, lambda: self._beat(name))

    def beat_all(self) -> None:
        for node in self.store.list("v1", "Node"):
            self._beat(node["metadata"]["name"])

    def _beat(self, name: str) -> None:
        """Reports the node's status, and does so again in five minutes once the past is over."""
        machine = self.machine(name)
        if machine is None or self.is_lost(name):
            return
        node = copy_of(self.store.get("v1", "Node", "", name))
        now = timestamp(self.world.clock.now())
        for item in node["status"].get("conditions", ()):
            item["lastHeartbeatTime"] = now
            item.setdefault("lastTransitionTime", now)
        addresses = [item for item in node["status"].get("addresses", ()) if item["type"] != "InternalIP"]
        node["status"]["addresses"] = [{"type": "InternalIP", "address": machine.host_ip}, *addresses]
        self.store.update_status(node)
        if self.world.live:
            self.world.after(_HEARTBEAT_S, lambda: self._beat(name))

    def lose(self, name: str) -> None:
        """The machine goes dark: its kubelet and everything that runs there end without a word."""
        self._lost.add(name)
        for worker in self.workers:
            if worker.machine.name == name:
                worker.vanish()
        self.world.nodelife.silent(name)

    def is_lost(self, name: str) -> bool:
        return name in self._lost

    def overlook_oom(self, name: str) -> None:
        """From now on the runtime of that node misses what the kernel kills for memory."""
        if machine := self.machine(name):
            machine.notices_oom = False

    # --- devices ------------------------------------------------------------------------------------------

    def advertise(self, name: str, count: int) -> None:
        """Puts the GPUs that the device plugin of a node has found into the node's status."""
        machine = self.machine(name)
        healthy = count - len(machine.unhealthy) if machine else 0
        self._set_gpus(name, {"capacity": count, "allocatable": healthy})
        self.machine(name)

    def withdraw(self, name: str) -> None:
        """The device plugin is gone: the GPUs stay in the capacity, and none is given away."""
        self._set_gpus(name, {"allocatable": 0})

    def lose_gpu(self, name: str, index: int, xid: int) -> None:
        """A GPU stops answering its driver: the device plugin hears of it, and cannot list the node's GPUs any more."""
        machine = self.machine(name)
        if machine is None:
            return
        machine.lost[index] = xid
        for worker in self.workers:
            for unit in worker.units if worker.machine is machine else ():
                if unit.process is not None:
                    unit.process.gpu_lost(index, xid)

    def _set_gpus(self, name: str, counts: dict[str, int]) -> None:
        found = self.store.find("v1", "Node", "", name)
        if found is None:
            return
        node = copy_of(found)
        for member, count in counts.items():
            node["status"][member] = node["status"].get(member, {}) | {GPU: str(count)}
        self.store.update_status(node, manager="kubelet")

    # --- for the rest of the world ------------------------------------------------------------------------

    def machine(self, node: str) -> Machine | None:
        """The machine behind a Node object; None when there is no such object."""
        found = self.store.find("v1", "Node", "", node)
        if found is None:
            return None
        if node not in self._machines:
            self._machines[node] = Machine.of(found, len(self._machines))
        self._machines[node].refit(found)
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
