"""Probes against the server that they ask: does it listen there, and does it know the path?

Only a server that is up, by its own log or by a scrape, can show that a probe asks at the wrong place; before that,
refused connections are what loading looks like. Some words of the kubelet tell by themselves that a probe can never
succeed.
"""

from __future__ import annotations

import re

import msgspec

from vops.diagnosis.facts import Replica
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.logs.wordings import read, wording
from vops.model.patterns import lazy_pattern
from vops.model.pods import Probe
from vops.model.resources import Event

_STATUS = lazy_pattern(r"statuscode: (4\d\d|503)", re.ASCII)
_WRONG_STATUS = (401, 403, 404, 405)
_NEVER = (
    wording(
        r'exec: "([^"]{1,200})": (?:executable file not found|stat|permission denied|no such file)'
        r"|(?:sh|bash): (?:line )?[\d: ]{0,8}([^\s:]{1,100}): (?:command )?not found",
        "{what} in the container",
        "no such command in the image",
    ),
    wording(r"does not implement the grpc health", "by gRPC", "HTTP only"),
    wording("gave HTTP response to HTTPS client", "by HTTPS", "HTTP only"),
    wording(
        r"malformed HTTP response|transport connection broken|first record does not look like a TLS",
        "by HTTP",
        "TLS only",
    ),
    wording(
        r"couldn't find port|invalid port number|port name|no port named|errored: strconv\.\w{1,10}: parsing ",
        "a port by name",
        "no container port of that name",
    ),
    wording(r"lookup ([\w.-]{1,253})[^\n]{0,80}no such host", "{what}", "another name"),
)
_LOOPBACK = ("127.", "localhost", "::1", "[::1]")


class Misdirection(msgspec.Struct, frozen=True):
    """What is wrong with a probe: where it asks, what is there, and the status it gets if it gets one."""

    asks: str
    there: str
    status: int = 0
    line: int = 0


def told(replica: Replica, kind: str, probe: Probe) -> Misdirection | None:
    """What is wrong with a probe by the kubelet's own words about it."""
    event = failures(replica, kind.capitalize())
    if event is None:
        return None
    status = answered_status(event)
    if status in _WRONG_STATUS and probe.http_get is not None:
        where = f"{probe.http_get.path} on port {probe.http_get.port}"
        return Misdirection(where, f"{probe.http_get.path} answers {status}", status)
    never = read(event.message, _NEVER)
    return Misdirection(never.says, never.step) if never is not None else None


def misdirected(replica: Replica, probe: Probe, log: LogReading | None = None) -> Misdirection | None:
    """How a probe misses a server that is up; None when it does not, or when the server never came up."""
    reading = log or (replica.log if replica.log and replica.log.ready else replica.death_log)
    if reading is None or not reading.ready:
        return None
    port, line = asked_port(replica, probe), reading.ready_line or 0
    get = probe.http_get
    path = (get.path or "/") if get is not None else ""
    refused = next((item for item in reading.refused if item.path == path and item.status in _WRONG_STATUS), None)
    if refused is not None:
        return Misdirection(f"{path} on port {port}", f"{path} answers {refused.status}", refused.status, refused.line)
    if reading.listening_port is not None and port not in (None, reading.listening_port):
        return Misdirection(f"port {port}", f"port {reading.listening_port}", line=line)
    if get is not None and get.host.startswith(_LOOPBACK):
        return Misdirection(f"{get.host}, which is the node itself", "the pod's address", line=line)
    if port is not None and reading.listening_host.startswith(_LOOPBACK):
        return Misdirection("the pod's address", f"only {reading.listening_host}", line=line)
    return None


def by_arguments(replica: Replica, probe: Probe) -> Misdirection | None:
    """A probe of a port that vLLM was not told to listen on, and that no other container of the pod has.

    Only where nothing shows on which port the server really listens; an image's own start command is not seen.
    """
    if not (replica.container.command or replica.container.args):
        return None
    port, told_port = asked_port(replica, probe), replica.args.port
    log = replica.log or replica.death_log
    known = log is not None and (log.ready or str(log.arguments.get("port", told_port)) != str(told_port))
    if not replica.args.line or port in (None, told_port) or known:
        return None
    others = (item for item in replica.pod.spec.containers if item.name != replica.container.name)
    if any(port == item.container_port for container in others for item in container.ports):
        return None
    return Misdirection(f"port {port}", f"port {told_port}, by its arguments")


def asked_port(replica: Replica, probe: Probe) -> int | None:
    """The port that a probe connects to; None for one that runs a command, or names a port that is not there."""
    if probe.http_get is not None:
        return port_number(replica, probe.http_get.port)
    socket = probe.tcp_socket or probe.grpc or {}
    return port_number(replica, socket["port"]) if isinstance(socket.get("port"), int | str) else None


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


def answered(replica: Replica, kind: str, status: int) -> bool:
    """Whether a probe of one kind got this HTTP status last."""
    event = failures(replica, kind)
    return event is not None and f"statuscode: {status}" in event.message
