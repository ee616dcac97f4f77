"""What runs in a simulated container: something that writes lines, answers HTTP, and ends with an exit code."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vops.lab.documents import Document
from vops.lab.machine import Gpu, Machine
from vops.lab.providers import LogLine, ProxyRequest, ProxyResponse
from vops.lab.timeline import Timer

if TYPE_CHECKING:
    from vops.lab.world import World

KILLED = 137


class Output:
    """A container's log; lines may be planned ahead of time and show when their time has come."""

    def __init__(self) -> None:
        self._lines: list[LogLine] = []
        self._times: list[float] = []

    def write(self, at: float, text: str) -> None:
        """Adds a line; lines come in order of time."""
        self._times.append(at)
        self._lines.append(LogLine(datetime.fromtimestamp(at, UTC), text))

    def until(self, now: float) -> list[LogLine]:
        return self._lines[: bisect_right(self._times, now)]

    def cut(self, now: float) -> None:
        """Forgets what was planned for later than `now`."""
        keep = bisect_right(self._times, now)
        del self._lines[keep:], self._times[keep:]


@dataclass(frozen=True)
class Surroundings:
    """What a process finds around it when it starts; `runs` counts the earlier runs of its container."""

    world: World
    pod: Document
    container: Document
    env: Mapping[str, str]
    machine: Machine
    gpus: tuple[Gpu, ...]
    ip: str
    runs: int

    @property
    def command(self) -> list[str]:
        return [*self.container.get("command", ()), *self.container.get("args", ())]


class Process:
    """A program that starts at once, listens on nothing, and ends when it is asked to.

    `on_exit(code, reason)` is called once when it ends; `on_change()` when it would answer probes differently.
    """

    def __init__(
        self, around: Surroundings, on_exit: Callable[[int, str], None], on_change: Callable[[], None]
    ) -> None:
        self.around = around
        self.world = around.world
        self.output = Output()
        self.ended = False
        self._on_exit = on_exit
        self._on_change = on_change
        self._timers: list[Timer] = []
        self.started_at = self.world.now
        self.begin()

    def begin(self) -> None:
        """Does what the program does first."""

    def catch_up(self) -> None:
        """Brings what the program does on its own to the present."""

    def respond(self, request: ProxyRequest) -> ProxyResponse | None:
        """The answer to an HTTP request; None when nothing listens there."""
        del request
        return None

    @property
    def late_s(self) -> float:
        """How long an answer takes now."""
        return 0.0

    def files_gib(self) -> Mapping[str, float]:
        """What it has written, in GiB: to its own files (no name) or to volumes of the pod, by their names."""
        return {}

    def gpu_lost(self, index: int, xid: int) -> None:
        """A GPU of the machine stopped answering, with this Xid."""

    def terminate(self) -> None:
        """SIGTERM."""
        self._plan(0.2, lambda: self.exit(0))

    def kill(self) -> None:
        """SIGKILL."""
        self.exit(KILLED)

    def exit(self, code: int, reason: str = "") -> None:
        """Ends the process, once."""
        if self.ended:
            return
        self.ended = True
        for timer in self._timers:
            timer.cancel()
        self.output.cut(self.world.now)
        self._on_exit(code, reason or ("Completed" if code == 0 else "Error"))

    def _plan(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers.append(self.world.after(seconds, action))


class Idler(Process):
    """Any server that the lab knows nothing of: it says that it started and answers everything with 200."""

    def begin(self) -> None:
        name = self.around.container["name"]
        self.output.write(self.world.now, f"{name} started")

    def respond(self, request: ProxyRequest) -> ProxyResponse | None:
        ports = {port["containerPort"] for port in self.around.container.get("ports", ())}
        return ProxyResponse() if request.port in ports else None


class Task(Process):
    """Something that does its work and ends well: what init containers are."""

    _SECONDS = 1.5

    def begin(self) -> None:
        self._plan(self._SECONDS, lambda: self.exit(0))
