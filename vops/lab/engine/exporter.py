"""The DCGM exporter of a node: what each GPU does, attributed to the pod that has it. Format: dcgm-exporter 4.5.3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vops.lab.chance import chance
from vops.lab.engine.server import VllmServer
from vops.lab.machine import Gpu
from vops.lab.process import Process
from vops.lab.providers import ProxyRequest, ProxyResponse

PORT = 9400
_HEADERS = {"Content-Type": "text/plain; charset=utf-8"}
_DRIVER = "580.95.05"


@dataclass(frozen=True)
class _Reading:
    """One GPU now: utilisation 0 to 1, memory in MiB, watts, degrees Celsius."""

    gpu: Gpu
    namespace: str
    pod: str
    container: str
    utilization: float
    used_mib: float
    power_w: float
    temperature_c: float
    xid: int


_FIELDS: tuple[tuple[str, str, str, Callable[[_Reading], float]], ...] = (
    ("DCGM_FI_DEV_SM_CLOCK", "gauge", "SM clock frequency (in MHz).", lambda one: 1980 if one.utilization else 345),
    ("DCGM_FI_DEV_GPU_TEMP", "gauge", "GPU temperature (in C).", lambda one: round(one.temperature_c)),
    ("DCGM_FI_DEV_POWER_USAGE", "gauge", "Power draw (in W).", lambda one: round(one.power_w, 3)),
    ("DCGM_FI_DEV_GPU_UTIL", "gauge", "GPU utilization (in %).", lambda one: round(one.utilization * 100)),
    ("DCGM_FI_DEV_MEM_COPY_UTIL", "gauge", "Memory utilization (in %).", lambda one: round(one.utilization * 70)),
    ("DCGM_FI_DEV_XID_ERRORS", "gauge", "Value of the last XID error encountered.", lambda one: one.xid),
    ("DCGM_FI_DEV_FB_FREE", "gauge", "Framebuffer memory free (in MiB).", lambda one: round(_free(one))),
    ("DCGM_FI_DEV_FB_USED", "gauge", "Framebuffer memory used (in MiB).", lambda one: round(one.used_mib)),
)


def _free(one: _Reading) -> float:
    return max(0.0, one.gpu.kind.memory_mib - 450 - one.used_mib)


class GpuExporter(Process):
    """Reads the GPUs of its own machine."""

    def begin(self) -> None:
        self.output.write(self.world.now, "Starting dcgm-exporter Version 4.5.3")
        self.output.write(self.world.now, "Listening on address: [::]:9400")

    def respond(self, request: ProxyRequest) -> ProxyResponse | None:
        if request.port != PORT or self.ended:
            return None
        if request.path == "/metrics":
            return ProxyResponse(200, self._page().encode(), _HEADERS)
        return ProxyResponse(200 if request.path == "/health" else 404)

    def _page(self) -> str:
        readings = [self._read(gpu) for gpu in self.around.machine.gpus]
        lines: list[str] = []
        for name, type_, meaning, value in _FIELDS:
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {type_}"]
            lines += [f"{name}{{{self._labels(one)}}} {value(one):g}" for one in readings]
        return "\n".join(lines) + "\n"

    def _labels(self, one: _Reading) -> str:
        gpu = one.gpu
        labels = {
            "gpu": gpu.index,
            "UUID": gpu.uuid,
            "pci_bus_id": gpu.pci,
            "device": f"nvidia{gpu.index}",
            "modelName": gpu.kind.name,
            "Hostname": self.around.machine.name,
            "DCGM_FI_DRIVER_VERSION": _DRIVER,
            "container": one.container,
            "namespace": one.namespace,
            "pod": one.pod,
        }
        return ",".join(f'{name}="{value}"' for name, value in labels.items())

    def _read(self, gpu: Gpu) -> _Reading:
        for worker in self.world.kubelet.workers:
            if worker.machine is self.around.machine and worker.gpus and gpu in worker.gpus:
                for unit in worker.units:
                    return self._reading(gpu, *worker.key, unit.name, unit.process)
        return self._reading(gpu, "", "", "", None)

    def _reading(self, gpu: Gpu, namespace: str, pod: str, container: str, process: Process | None) -> _Reading:
        busy = used = 0.0
        if isinstance(process, VllmServer):
            busy, used = process.gpu_busy, process.memory_used_gib() * 1024
        flicker = chance(gpu.uuid, int(self.world.now)).uniform(-0.04, 0.01)
        utilization = max(0.0, min(1.0, busy + flicker)) if busy > 0.01 else 0.0
        kind = gpu.kind
        power = kind.idle_w + (kind.limit_w - kind.idle_w) * utilization * (0.72 + flicker)
        heat, xid = 33 + 34 * utilization * 0.9, self.around.machine.lost.get(gpu.index, 0)
        return _Reading(gpu, namespace, pod, container, utilization, used, power, heat, xid)
