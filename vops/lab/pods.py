"""What an API server reaches on the nodes: the containers' logs and the pods' ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from vops.lab.providers import LogLine, ProxyRequest, ProxyResponse

if TYPE_CHECKING:
    from vops.lab.process import Output
    from vops.lab.world import World


class PodLogs:
    """The log files of all containers; the newest run and the one before it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> Sequence[LogLine]:
        output = self._output(namespace, pod, container, previous=previous)
        return output.until(self._world.now) if output else ()

    async def follow(self, namespace: str, pod: str, container: str, *, start: int) -> AsyncIterator[LogLine]:
        output = self._output(namespace, pod, container, previous=False)
        while output is not None:
            unit = self._world.kubelet.container(namespace, pod, container)
            over = unit is None or unit.output is not output or not unit.running
            lines = output.until(self._world.now)
            for line in lines[start:]:
                yield line
            start = max(start, len(lines))
            if over:
                return
            await self._world.stepped()

    def _output(self, namespace: str, pod: str, container: str, *, previous: bool) -> Output | None:
        unit = self._world.kubelet.container(namespace, pod, container)
        if unit is None:
            return None
        if unit.process is not None:
            unit.process.catch_up()
        return unit.previous_output if previous else unit.output


class PodNetwork:
    """Every pod's ports; a pod without an address, or a port without a listener, answers nothing."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, request: ProxyRequest) -> ProxyResponse | None:
        worker = self._world.kubelet.worker(request.namespace, request.pod)
        if worker is None:
            return None
        for unit in worker.units:
            if unit.process is not None and (answer := unit.process.respond(request)) is not None:
                return answer
        return None
