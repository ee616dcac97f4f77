"""One pod on one node: its sandbox, its containers one after the other, its end, and its status all along."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vops.lab.chance import chance
from vops.lab.controllers.attachments import BY
from vops.lab.controllers.base import key_of, terminating
from vops.lab.controllers.claims import claim_names
from vops.lab.controllers.container import ContainerUnit
from vops.lab.controllers.disk_limits import LOOKS_S, exceeded, limits
from vops.lab.controllers.placement import requests_of
from vops.lab.controllers.podstatus import PodReport
from vops.lab.documents import Document, copy_of
from vops.lab.machine import GPU, Machine
from vops.lab.timeline import Timer

if TYPE_CHECKING:
    from vops.lab.world import World

_ADMISSION_S = 0.3
_LOST_S = (8.0, 15.0)
"""How long a driver takes to answer for a GPU that does not answer it."""
_SANDBOX_S = (0.8, 1.8)
_ATTACH_AGAIN_S = 5.0
_MOUNT_TIMEOUT_S = 123.0
"""How long kubelet waits for volumes before it says so: two minutes and three seconds."""


class PodWorker:
    """Kubelet's view of a pod; `stopping` once it is to end."""

    def __init__(self, world: World, pod: Document, machine: Machine) -> None:
        self.world = world
        self.pod = pod
        self.machine = machine
        self.uid: str = pod["metadata"]["uid"]
        self.key = key_of(pod)
        self.chance = chance(world.seed, "pod", self.uid)
        self.gpus = machine.take("/".join(self.key), requests_of(pod).get(GPU, 0))
        self.ip = ""
        self.stopping = False
        self.rejection = self.failure = ""
        self.inits = [ContainerUnit(self, spec, init=True) for spec in pod["spec"].get("initContainers", ())]
        self.units = [ContainerUnit(self, spec, init=False) for spec in pod["spec"]["containers"]]
        self._report = PodReport(self)
        self._timers: list[Timer] = []
        self._gone = False

    # --- life ---------------------------------------------------------------------------------------------

    def admit(self) -> None:
        """Takes the pod on, or rejects it when its GPUs are not there."""
        self.write()
        if refusal := self._refusal():
            seconds = self.chance.uniform(*_LOST_S) if self.machine.lost else _ADMISSION_S
            self.plan(seconds, lambda: self._reject(refusal))
            return
        self._attach(self.world.now, set())

    def _attach(self, since: float, told: set[str]) -> None:
        """Waits for the volumes, then makes the sandbox; each volume that is held elsewhere is told of once."""
        held = self.world.attachments.attach(self.pod, self.machine.name)
        for volume, words in held:
            if volume not in told:
                self.world.events.record(self.pod, "Warning", "FailedAttachVolume", words, by=BY)
                told.add(volume)
        if not held:
            self._tell_attached()
            self.plan(self.chance.uniform(*_SANDBOX_S), self._sandbox_ready)
            return
        if self.world.now - since >= _MOUNT_TIMEOUT_S:
            self.event("Warning", "FailedMount", self._unmounted())
            since = self.world.now
        self.plan(_ATTACH_AGAIN_S, lambda: self._attach(since, told))

    def _tell_attached(self) -> None:
        for name in claim_names(self.pod):
            claim = self.world.store.find("v1", "PersistentVolumeClaim", self.key[0], name)
            if claim and claim["spec"].get("volumeName"):
                text = f'AttachVolume.Attach succeeded for volume "{claim["spec"]["volumeName"]}" '
                self.world.events.record(self.pod, "Normal", "SuccessfulAttachVolume", text, by=BY)

    def _unmounted(self) -> str:
        """What kubelet says every two minutes of volumes that do not come."""
        names = [item["name"] for item in self.pod["spec"].get("volumes", ()) if "persistentVolumeClaim" in item]
        listed = " ".join(names)
        return (
            f"Unable to attach or mount volumes: unmounted volumes=[{listed}], unattached volumes=[{listed}], "
            "failed to process volumes=[]: context deadline exceeded"
        )

    def _refusal(self) -> str:
        """Why the device manager cannot give the pod its GPUs; empty when it can."""
        wanted = requests_of(self.pod).get(GPU, 0)
        if self.gpus is None:
            left = len(self.machine.free)
            return (
                f"requested number of devices unavailable for {GPU}. Requested: {wanted}, Available: {left}, "
                "which is unexpected"
            )
        if not wanted or not self.machine.free or not self.machine.lost:
            return ""  # with nothing to choose from, the plugin is not asked for its preference
        lost = min(self.machine.lost)
        return (
            "device plugin GetPreferredAllocation rpc failed with err: rpc error: code = Unknown desc = error getting "
            "list of preferred allocation devices: unable to retrieve list of available devices: error creating "
            f"nvml.Device {lost}: nvml: GPU is lost, which is unexpected"
        )

    def _reject(self, why: str) -> None:
        self.failure = "UnexpectedAdmissionError"
        self.rejection = f"Pod was rejected: Allocate failed due to {why}"
        self.event("Warning", "UnexpectedAdmissionError", self.rejection.removeprefix("Pod was rejected: "))
        self.machine.give_back("/".join(self.key))
        self.write()

    def evict(self, why: str) -> None:
        """Ends the pod for a limit of its own: it has failed, and its object stays."""
        self.failure, self.rejection = "Evicted", why
        self.event("Warning", "Evicted", why)
        for unit in (*self.inits, *self.units):
            unit.vanish()
        for timer in self._timers:
            timer.cancel()
        self.machine.give_back("/".join(self.key))
        self.write()

    def _sandbox_ready(self) -> None:
        self.ip = self.machine.address()
        self.advance()
        if limits(self.pod):
            self.plan(LOOKS_S, self._look_at_files)

    def _look_at_files(self) -> None:
        if why := exceeded(self.pod, {unit.name: unit.process for unit in self.units if unit.process}):
            self.evict(why)
        elif not self.stopping:
            self.plan(LOOKS_S, self._look_at_files)

    def advance(self) -> None:
        """Begins the next init container, or all containers when the init containers are done."""
        waiting = next((unit for unit in self.inits if not unit.succeeded), None)
        if waiting is not None:
            waiting.begin()
        else:
            for unit in self.units:
                unit.begin()
        self.write()

    def update(self, pod: Document) -> None:
        """The object changed: remember it, and end the pod when it is to go."""
        if self._gone:
            return
        self.pod = pod
        if terminating(pod) and not self.stopping:
            self.stopping = True
            self._stop(pod["metadata"].get("deletionGracePeriodSeconds", 30))

    def _stop(self, grace_s: float) -> None:
        running = [unit for unit in (*self.inits, *self.units) if unit.process is not None]
        for timer in self._timers:
            timer.cancel()
        for unit in running:
            unit.stop(f"Stopping container {unit.name}", grace_s)
        if not running:
            self.plan(0.3, self.check_gone)

    def check_gone(self) -> None:
        """Removes the object once everything in it has ended."""
        if not self.stopping or self._gone or any(unit.process for unit in (*self.inits, *self.units)):
            return
        self._gone = True
        self.write()
        self.machine.give_back("/".join(self.key))
        self.world.store.delete("v1", "Pod", *self.key, uid=self.uid, grace_period_s=0)

    def vanish(self) -> None:
        """The object is gone: end everything at once, silently."""
        self._gone = True
        for timer in self._timers:
            timer.cancel()
        for unit in (*self.inits, *self.units):
            unit.vanish()
        self.machine.give_back("/".join(self.key))

    # --- for its containers -------------------------------------------------------------------------------

    def unit(self, name: str) -> ContainerUnit | None:
        return next((unit for unit in (*self.inits, *self.units) if unit.name == name), None)

    def plan(self, seconds: float, action: Callable[[], None]) -> Timer:
        timer = self.world.after(seconds, action)
        self._timers = [known for known in self._timers if known.when >= self.world.now and not known.cancelled]
        self._timers.append(timer)
        return timer

    def event(self, type_: str, reason: str, message: str, *, container: str = "", init: bool = False) -> None:
        list_ = "initContainers" if init else "containers"
        field_path = f"spec.{list_}{{{container}}}" if container else ""
        self.world.events.record(
            self.pod, type_, reason, message, by="kubelet", host=self.machine.name, field_path=field_path
        )

    def write(self) -> None:
        """Reports the pod's status, if the object and the kubelet are still there."""
        if self.world.kubelet.is_lost(self.machine.name):
            return
        current = self.world.store.find("v1", "Pod", *self.key)
        if current is None or current["metadata"]["uid"] != self.uid:
            return
        status = self._report.status(current)
        if status == current.get("status"):
            return
        self.pod = self.world.store.update_status(copy_of(current) | {"status": status})
