"""Startup, liveness and readiness probes, with kubelet's timing and words.

A probe ticks in a rhythm of its own from the container's start. Once it has passed and nothing changes it stops
ticking, and goes on in the same rhythm when the process says that it would answer differently: a healthy cluster
costs nothing. Probes by exec and gRPC always pass.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from vops.lab.documents import Document
from vops.lab.providers import ProxyRequest
from vops.lab.timeline import Timer

if TYPE_CHECKING:
    from vops.lab.controllers.container import ContainerUnit

_KINDS = ("startup", "liveness", "readiness")


def probes_of(unit: ContainerUnit) -> list[ProbeLoop]:
    """The probes of a container, in kubelet's order."""
    return [ProbeLoop(unit, kind, spec) for kind in _KINDS if (spec := unit.spec.get(f"{kind}Probe"))]


class ProbeLoop:
    """One probe of one run of a container."""

    def __init__(self, unit: ContainerUnit, kind: str, spec: Document) -> None:
        self.kind = kind
        self._unit = unit
        self._spec = spec
        self._world = unit.worker.world
        self._period: float = spec.get("periodSeconds") or 10
        self._origin = 0.0
        self._run = 0
        self._last: bool | None = None
        self._decided: bool | None = None
        self._timer: Timer | None = None
        self._over = False

    def begin(self) -> None:
        """Starts ticking; called when the container starts."""
        self._origin = self._unit.started_at + self._unit.worker.chance.uniform(0.1, 0.9)
        self.poke()

    def end(self) -> None:
        self._over = True
        if self._timer:
            self._timer.cancel()

    def poke(self) -> None:
        """Makes sure that a next tick is planned."""
        if self._over or (self._timer and not self._timer.cancelled and self._timer.when > self._world.now):
            return
        earliest = max(self._world.now, self._unit.started_at + self._spec.get("initialDelaySeconds", 0))
        ticks = max(0, ceil((earliest - self._origin) / self._period))
        when = self._origin + ticks * self._period
        if when <= self._world.now:
            when += self._period
        self._timer = self._world.at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._over:
            return
        if self.kind != "startup" and not self._unit.started:
            return
        failure = self._ask()
        passed = not failure
        self._run = self._run + 1 if passed is self._last else 1
        self._last = passed
        if failure:
            self._unit.tell_unhealthy(f"{self.kind.capitalize()} probe failed: {failure}")
        if self._run >= self._threshold(passed) and passed is not self._decided:
            self._decide(passed)
        settled = passed and self._decided
        if not self._over and not settled:
            self.poke()

    def _threshold(self, passed: bool) -> int:
        name, default = ("successThreshold", 1) if passed else ("failureThreshold", 3)
        return int(self._spec.get(name) or default)

    def _decide(self, passed: bool) -> None:
        self._decided = passed
        if passed or self.kind == "readiness":
            if self.kind == "startup":
                self._over = True
            if passed or self._unit.passed:
                self._unit.probe_passed(self.kind, passed)
        else:
            self._over = True
            self._unit.probe_failed(self.kind, self._spec)

    # --- asking -------------------------------------------------------------------------------------------

    def _ask(self) -> str:
        """What is wrong, in kubelet's words; empty when the probe passes."""
        process = self._unit.process
        if process is None:
            return ""
        ip = self._unit.worker.ip
        if http := self._spec.get("httpGet"):
            port, path = self._port(http["port"]), http.get("path", "/")
            worker = self._unit.worker
            answer = process.respond(ProxyRequest(*worker.key, port, "GET", path))
            url = f"{http.get('scheme', 'HTTP').lower()}://{ip}:{port}{path}"
            if answer is None:
                return f'Get "{url}": dial tcp {ip}:{port}: connect: connection refused'
            if process.late_s > (self._spec.get("timeoutSeconds") or 1):
                return f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
            return "" if 200 <= answer.status < 400 else f"HTTP probe failed with statuscode: {answer.status}"
        if tcp := self._spec.get("tcpSocket"):
            port = self._port(tcp["port"])
            answer = process.respond(ProxyRequest(*self._unit.worker.key, port, "GET", "/"))
            return "" if answer else f"dial tcp {ip}:{port}: connect: connection refused"
        return ""

    def _port(self, port: int | str) -> int:
        """A port by number or by its name in the container."""
        if isinstance(port, int):
            return port
        named = (item["containerPort"] for item in self._unit.spec.get("ports", ()) if item.get("name") == port)
        return next(named, 0)
