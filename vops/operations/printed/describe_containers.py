"""Containers as `kubectl describe` prints them: what the spec asks and what the status says are one block."""

from __future__ import annotations

import re
from typing import Any

from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_outline import Entry, moment

Document = dict[str, Any]

_PROBE = lazy_pattern(
    r"(?P<how>http-get|tcp-socket|exec|grpc) (?P<what>.{0,2000}?) ?"
    r"delay=(?P<delay>\d{1,9})s "
    r"timeout=(?P<timeout>\d{1,9})s period=(?P<period>\d{1,9})s #success=(?P<success>\d{1,9})"
    r" #failure=(?P<failure>\d{1,9})"
)
_URL = lazy_pattern(
    r"(?P<scheme>\w{1,10}):(?://)?(?P<host>\[[^\]]{1,60}\]"
    r"|[^:/]{0,253})(?::(?P<port>[\w-]{1,63}))?(?P<path>/\S{0,500})?"
)
_SHELL = lazy_pattern(r"-[a-z]{0,4}c")
_PORT = lazy_pattern(r"(\d{1,5})/(\w{3,5})")
_MOUNT = lazy_pattern(r"(?P<path>\S.{0,1000}?) from (?P<name>\S{1,63}) \((?P<flags>[^)]{0,1000})\)")
_KEY_REF = lazy_pattern(
    r"<set to the key '(?P<key>[^']{1,253})' (?:in|of) (?P<kind>secret|config map) '(?P<name>[^']{1,253})'>"
)
_FIELD_REF = lazy_pattern(r"\S* ?\((?:v1:)?(?P<path>(?:metadata|spec|status)\.\S{1,200})\)")
_FROM = lazy_pattern(r"(?P<name>\S{1,253})\s+(?P<kind>ConfigMap|Secret)\b")
_NAME = lazy_pattern(r"[A-Za-z_.][\w.-]{0,252}")
_PROBES = {"Liveness": "livenessProbe", "Readiness": "readinessProbe", "Startup": "startupProbe"}
_REFS = {"secret": "secretKeyRef", "config map": "configMapKeyRef"}


def containers(entries: list[Entry]) -> list[Document]:
    """The containers of a spec."""
    return [_container(entry) for entry in entries if entry.key and entry.below]


def statuses(entries: list[Entry]) -> list[Document]:
    """The statuses of those containers that have one."""
    return [_status(entry) for entry in entries if entry.find("State") or entry.find("Last State")]


def _container(entry: Entry) -> Document:
    found: Document = {
        "name": entry.key,
        "image": entry.value("Image"),
        "command": (command := _words(entry.find("Command"))),
        "args": _words(entry.find("Args"), script=bool(command) and _SHELL.fullmatch(command[-1]) is not None),
        "ports": _ports(entry),
        "resources": {
            "limits": {item.key: item.value_text for item in entry.under("Limits")},
            "requests": {item.key: item.value_text for item in entry.under("Requests")},
        },
        "env": _environment(entry.under("Environment")),
        "envFrom": [_source(item.text) for item in entry.under("Environment Variables from")],
        "volumeMounts": [mount for item in entry.under("Mounts") if (mount := _mount(item.text))],
    }
    for key, name in _PROBES.items():
        probe = _probe(entry.value(key))
        if probe:
            found[name] = probe
    return found


def _words(entry: Entry | None, *, script: bool = False) -> list[str]:
    """A command's words, a line each; the lines after a shell's `-c` are one script."""
    lines = [item.text for item in entry.all()] if entry is not None else []
    begins = (
        0 if script else next((number for number, line in enumerate(lines, 1) if _SHELL.fullmatch(line)), len(lines))
    )
    return [*lines[:begins], *(["\n".join(lines[begins:])] if lines[begins:] else [])]


def _ports(entry: Entry) -> list[Document]:
    text = entry.value("Ports") or entry.value("Port")
    return [{"containerPort": int(number), "protocol": protocol} for number, protocol in _PORT.findall(text)]


def _environment(entries: list[Entry]) -> list[Document]:
    found: list[Document] = []
    for item in entries:
        if not _NAME.fullmatch(item.key):
            continue
        by_key, by_field = _KEY_REF.match(item.value_text), _FIELD_REF.fullmatch(item.value_text)
        if by_key is not None:
            reference = {"name": by_key["name"], "key": by_key["key"]}
            found.append({"name": item.key, "valueFrom": {_REFS[by_key["kind"]]: reference}})
        elif by_field is not None:
            found.append({"name": item.key, "valueFrom": {"fieldRef": {"fieldPath": by_field["path"]}}})
        else:
            found.append({"name": item.key, "value": item.value_text})
    return found


def _source(text: str) -> Document:
    match = _FROM.match(text)
    if match is None:
        return {}
    return {"secretRef" if match["kind"] == "Secret" else "configMapRef": {"name": match["name"]}}


def _mount(text: str) -> Document:
    match = _MOUNT.fullmatch(text)
    if match is None:
        return {}
    sub = re.search(r'path="([^"]*)"', match["flags"])
    return {
        "name": match["name"],
        "mountPath": match["path"],
        "readOnly": match["flags"].startswith("ro"),
        "subPath": sub[1] if sub is not None else "",
    }


def _probe(text: str) -> Document:
    match = _PROBE.fullmatch(text)
    if match is None:
        return {}
    limits = {
        "initialDelaySeconds": int(match["delay"]),
        "timeoutSeconds": int(match["timeout"]),
        "periodSeconds": int(match["period"]),
        "successThreshold": int(match["success"]),
        "failureThreshold": int(match["failure"]),
    }
    return limits | _handler(match["how"], match["what"])


def _handler(how: str, what: str) -> Document:
    if how == "exec":
        return {"exec": {"command": what.strip("[]").split()}}
    if how == "http-get":
        url = _URL.match(what)
        if url is None:
            return {}
        port = url["port"] or "0"
        return {
            "httpGet": {
                "scheme": url["scheme"].upper(),
                "host": url["host"],
                "path": url["path"] or "/",
                "port": int(port) if port.isdigit() else port,
            }
        }
    port = what.split(" ")[0].rpartition(":")[2]
    return {"tcpSocket" if how == "tcp-socket" else "grpc": {"port": int(port) if port.isdigit() else port}}


_BETWEEN = {"waiting": {"reason": "CrashLoopBackOff"}}
"""The state of a container of which only the last one was copied: it waits to be started again."""


def _status(entry: Entry) -> Document:
    return {
        "name": entry.key,
        "image": entry.value("Image"),
        "imageID": entry.value("Image ID"),
        "ready": entry.value("Ready") == "True",
        "restartCount": int(restarts) if (restarts := entry.value("Restart Count")).isdigit() else 0,
        "state": _state(entry.find("State")) or _BETWEEN,
        "lastState": _state(entry.find("Last State")),
    }


_EXIT_CODES = {"Error": 1, "ContainerCannotRun": 128, "StartError": 128, "OOMKilled": 137}
"""What a container ended with at least, where the line was left out and the reason is there."""


def _exit_code(ended: Entry) -> int:
    code = ended.value("Exit Code")
    return int(code) if code.isdigit() else _EXIT_CODES.get(ended.value("Reason"), 0)


def _state(entry: Entry | None) -> Document:
    if entry is None:
        return {}
    times = {"startedAt": moment(entry.value("Started")), "finishedAt": moment(entry.value("Finished"))}
    known = {key: value.isoformat() for key, value in times.items() if value is not None}
    match entry.value_text:
        case "Running":
            return {"running": known}
        case "Waiting":
            message = entry.value("Message")  # kubectl leaves it out, other clients do not
            return {"waiting": {"reason": entry.value("Reason")} | ({"message": message} if message else {})}
        case "Terminated":
            signal = entry.value("Signal")
            return {
                "terminated": {
                    "reason": entry.value("Reason"),
                    "message": entry.message(),
                    "exitCode": _exit_code(entry),
                    "signal": int(signal) if signal.isdigit() else 0,
                    **known,
                }
            }
    return {}
