"""Which program an image starts: the last part of its repository tells, from whatever registry it comes."""

from __future__ import annotations

from collections.abc import Callable

from vops.lab.engine.device_plugin import DevicePlugin
from vops.lab.engine.exporter import GpuExporter
from vops.lab.engine.seeder import Seeder
from vops.lab.engine.server import VllmServer
from vops.lab.process import Idler, Process, Surroundings, Task

_PROGRAMS: dict[str, type[Process]] = {
    "vllm-openai": VllmServer,
    "dcgm-exporter": GpuExporter,
    "k8s-device-plugin": DevicePlugin,
}


def launch(
    around: Surroundings, on_exit: Callable[[int, str], None], on_change: Callable[[], None], *, init: bool
) -> Process:
    """Starts the program of the container's image."""
    if init:
        return Task(around, on_exit, on_change)
    if around.container.get("command", [""])[-1].endswith("/seeder.py"):
        return Seeder(around, on_exit, on_change)
    name, _, _ = around.container["image"].rpartition("/")[2].partition(":")
    program = _PROGRAMS.get(name, Idler)
    return program(around, on_exit, on_change)
