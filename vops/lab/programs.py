"""Which program an image starts."""

from __future__ import annotations

from collections.abc import Callable

from vops.lab.engine.exporter import GpuExporter
from vops.lab.engine.server import VllmServer
from vops.lab.process import Idler, Process, Surroundings, Task

_PROGRAMS: dict[str, type[Process]] = {
    "vllm/vllm-openai": VllmServer,
    "nvidia/dcgm-exporter": GpuExporter,
}


def launch(
    around: Surroundings, on_exit: Callable[[int, str], None], on_change: Callable[[], None], *, init: bool
) -> Process:
    """Starts the program of the container's image."""
    if init:
        return Task(around, on_exit, on_change)
    image = around.container["image"].removeprefix("docker.io/")
    program = _PROGRAMS.get(image.rpartition(":")[0] or image, Idler)
    return program(around, on_exit, on_change)
