"""NVIDIA's device plugin: while it runs, its node advertises the GPUs that it finds healthy. Texts: v0.20."""

from __future__ import annotations

from datetime import UTC, datetime

from vops.lab.machine import GPU, Machine
from vops.lab.process import Process

_REGISTERS_S = 1.4
_WARNING_S = 0.3


class DevicePlugin(Process):
    """One run on one node; a node without the driver has no GPUs to register."""

    def begin(self) -> None:
        self._machine: Machine = self.around.machine
        self._say("main.go", 240, "Starting FS watcher for /var/lib/kubelet/device-plugins")
        self._say("main.go", 317, "Retrieving plugins.")
        self._plan(_REGISTERS_S, self._register)

    def _register(self) -> None:
        count = self.world.hardware.get(self._machine.name, len(self._machine.gpus))
        self._say("server.go", 197, f"Starting GRPC server for '{GPU}'")
        self._say("server.go", 146, f"Registered device plugin for '{GPU}' with Kubelet")
        self.world.kubelet.advertise(self._machine.name, count)
        for index, xid in sorted(self._machine.lost.items()):
            self._report(index, xid)

    def gpu_lost(self, index: int, xid: int) -> None:
        self._plan(_WARNING_S, lambda: self._report(index, xid))

    def _report(self, index: int, xid: int) -> None:
        gpu = next(gpu for gpu in self._machine.gpus if gpu.index == index)
        self._say("health.go", 187, f"XidCriticalError: Xid={xid} on Device={gpu.uuid}; marking device as unhealthy.")
        self._say("server.go", 285, f"'{GPU}' device marked unhealthy: {gpu.uuid}")
        self._machine.unhealthy.add(index)
        self.world.kubelet.advertise(self._machine.name, len(self._machine.gpus))

    def exit(self, code: int, reason: str = "") -> None:
        """Without the plugin the kubelet keeps the capacity and takes no device for healthy."""
        if not self.ended:
            self.world.kubelet.withdraw(self._machine.name)
        super().exit(code, reason)

    def _say(self, file: str, line: int, text: str) -> None:
        moment = datetime.fromtimestamp(self.world.now, UTC).strftime("%m%d %H:%M:%S.%f")
        self.output.write(self.world.now, f"I{moment}       1 {file}:{line}] {text}")
