"""A pod's status as kubelet 1.36 reports it: phase, conditions and container statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.lab.defaults import qos_class
from vops.lab.documents import Document, timestamp
from vops.lab.store import Documents

if TYPE_CHECKING:
    from vops.lab.controllers.podworker import PodWorker


class PodReport:
    """Remembers when each condition last changed."""

    def __init__(self, worker: PodWorker) -> None:
        self._worker = worker
        self._since: dict[str, tuple[str, str]] = {}
        self._admitted = timestamp(worker.world.clock.now())

    def status(self, pod: Document) -> Document:
        """The whole status of `pod` now."""
        worker = self._worker
        phase = self._phase()
        status: Document = {
            "observedGeneration": pod["metadata"].get("generation", 1),
            "phase": phase,
            "conditions": self._conditions(pod, phase),
        }
        if worker.rejection:
            status |= {"reason": worker.failure, "message": worker.rejection}
        status |= {"hostIP": worker.machine.host_ip, "hostIPs": [{"ip": worker.machine.host_ip}]}
        if worker.ip:
            status |= {"podIP": worker.ip, "podIPs": [{"ip": worker.ip}]}
        status["startTime"] = self._admitted
        if worker.inits:
            status["initContainerStatuses"] = [unit.report() for unit in worker.inits]
        if not worker.rejection:
            status["containerStatuses"] = [unit.report() for unit in worker.units]
        status["qosClass"] = qos_class(pod["spec"])
        return status

    def _phase(self) -> str:
        worker = self._worker
        if worker.rejection:
            return "Failed"
        if any(not unit.succeeded for unit in worker.inits):
            return "Pending"
        if any(unit.never_ran for unit in worker.units):
            return "Pending"
        if any(not unit.finished for unit in worker.units):
            return "Running"
        return "Succeeded" if all(unit.succeeded for unit in worker.units) else "Failed"

    def _conditions(self, pod: Document, phase: str) -> Documents:
        worker = self._worker
        uninitialised = [unit.name for unit in worker.inits if not unit.succeeded]
        sandbox = bool(worker.ip) and phase not in ("Succeeded", "Failed")
        ready = self._readiness(phase)
        conditions = [
            self._condition(pod, "PodReadyToStartContainers", sandbox),
            self._condition(
                pod,
                "Initialized",
                not uninitialised,
                "ContainersNotInitialized",
                f"containers with incomplete status: [{' '.join(uninitialised)}]",
            ),
            self._condition(pod, "Ready", not ready, *ready),
            self._condition(pod, "ContainersReady", not ready, *ready),
        ]
        current = pod.get("status", {}).get("conditions", ())
        scheduled = next((item for item in current if item["type"] == "PodScheduled"), None)
        conditions.append(scheduled or self._condition(pod, "PodScheduled", True))
        own = {item["type"] for item in conditions}
        return [*conditions, *(item for item in current if item["type"] not in own)]

    def _readiness(self, phase: str) -> tuple[str, ...]:
        """Why the pod is not ready, as reason and perhaps message; empty when it is."""
        if phase in ("Succeeded", "Failed"):
            return ("PodCompleted" if phase == "Succeeded" else "PodFailed",)
        unready = [unit.name for unit in self._worker.units if not unit.ready]
        if not unready:
            return ()
        return "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"

    def _condition(self, pod: Document, type_: str, holds: bool, reason: str = "", message: str = "") -> Document:
        status = "True" if holds else "False"
        if self._since.get(type_, ("", ""))[0] != status:
            self._since[type_] = (status, timestamp(self._worker.world.clock.now()))
        found: Document = {
            "type": type_,
            "observedGeneration": pod["metadata"].get("generation", 1),
            "status": status,
            "lastProbeTime": None,
            "lastTransitionTime": self._since[type_][1],
        }
        if not holds and reason:
            found["reason"] = reason
        if not holds and message:
            found["message"] = message
        return found
