"""Probes against the server that they ask: does it listen there, and does it know the path?

Only a server that is up, by its own log or by a scrape, can show that a probe is wrong; before that, refused
connections are what loading looks like.
"""

from __future__ import annotations

import re

import msgspec

from vops.diagnosis.facts import Replica
from vops.diagnosis.logs import LogReading
from vops.model.resources import Event, Probe

_STATUS = re.compile(r"statuscode: (4\d\d)", re.ASCII)
_LOOPBACK = ("127.", "localhost", "::1", "[::1]")


class Misdirection(msgspec.Struct, frozen=True):
    """What is wrong with a probe: where it asks, what is there, and the status it gets if it gets one."""

    asks: str
    there: str
    status: int = 0
    line: int = 0


def misdirected(replica: Replica, probe: Probe, log: LogReading | None = None) -> Misdirection | None:
    """How a probe misses a server that is up; None when it does not, or when the server never came up."""
    reading = log or (replica.log if replica.log and replica.log.ready else replica.death_log)
    get = probe.http_get
    if get is None or reading is None or not reading.ready:
        return None
    port, path = port_number(replica, get.port), get.path or "/"
    refused = next((item for item in reading.refused if item.path == path and item.status in (401, 403, 404)), None)
    if refused is not None:
        return Misdirection(f"{path} on port {port}", f"{path} answers {refused.status}", refused.status, refused.line)
    if reading.listening_port is not None and port not in (None, reading.listening_port):
        return Misdirection(f"port {port}", f"port {reading.listening_port}", line=reading.ready_line or 0)
    if reading.listening_host.startswith(_LOOPBACK) and not get.host:
        return Misdirection("the pod's address", f"only {reading.listening_host}", line=reading.ready_line or 0)
    return None


def port_number(replica: Replica, port: int | str) -> int | None:
    """A probe's port as a number; a name is looked up among the container's ports."""
    if isinstance(port, int):
        return port
    if port.isdigit():
        return int(port)
    return next((item.container_port for item in replica.container.ports if item.name == port), None)


def failures(replica: Replica, kind: str) -> Event | None:
    """The last event about a failing probe of one kind (`Readiness`, `Liveness`, `Startup`)."""
    about = (item for item in reversed(replica.events) if item.reason == "Unhealthy" and item.message.startswith(kind))
    return next(about, None)


def answered_status(event: Event | None) -> int:
    """The HTTP status that a probe got, by the kubelet's event; 0 when it got none."""
    match = _STATUS.search(event.message) if event is not None else None
    return int(match[1]) if match is not None else 0
