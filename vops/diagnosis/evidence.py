"""Ways to say where something was read: fields of objects, lines of logs, events."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.logs.fatal_lines import KINDS
from vops.diagnosis.logs.tracebacks import LoggedError
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event, Node
from vops.model.text import one_line

LONGEST = 400


def pod_field(path: str, observed: object, expected: str = "") -> Evidence:
    """A field of the pod, by its JSON path."""
    return Evidence("pod", path, one_line(str(observed), LONGEST), expected)


def container_field(replica: Replica, path: str, observed: object, expected: str = "") -> Evidence:
    """A field of the replica's container in the pod's spec."""
    where = "initContainers" if _is_init(replica) else "containers"
    return pod_field(f"spec.{where}[{replica.container.name}].{path}", observed, expected)


def status_field(replica: Replica, path: str, observed: object, expected: str = "") -> Evidence:
    """A field of the container's status."""
    where = "initContainerStatuses" if _is_init(replica) else "containerStatuses"
    return pod_field(f"status.{where}[{replica.container.name}].{path}", observed, expected)


def _is_init(replica: Replica) -> bool:
    return any(item.name == replica.container.name for item in replica.pod.spec.init_containers)


def node_field(node: Node, path: str, observed: object, expected: str = "") -> Evidence:
    """A field of a node, by its JSON path."""
    return Evidence("node", f"{node.metadata.name} {path}", one_line(str(observed), LONGEST), expected)


def owner_field(replica: Replica, path: str, observed: object, expected: str = "") -> Evidence:
    """A field of the workload that the replica belongs to."""
    owner = replica.owner
    source = owner.kind.lower() if owner else "workload"
    return Evidence(source, f"{owner.name if owner else '?'} {path}", one_line(str(observed), LONGEST), expected)


def event(found: Event) -> Evidence:
    """An event: how often, and what it said."""
    times = f" ×{found.times}" if found.times > 1 else ""
    return Evidence("event", f"{found.reason}{times}", one_line(of_one_row(found.message), LONGEST))


_NEXT_ROW = lazy_pattern(
    r"\s+(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\s+[A-Z]|[$] (?:kubectl|oc|helm) |Controlled By:\s|IP:\s+IPs:\s).*",
    re.DOTALL,
)


def of_one_row(message: str) -> str:
    """A message without the rows or the prompt that stood below it where somebody copied it."""
    return _NEXT_ROW.sub("", message)


def logged(replica: Replica, error: LoggedError, expected: str = "") -> Evidence:
    """An exception in the log of the instance that died."""
    where = f"line {error.line}{_of_which(replica)}"
    return Evidence("log", where, one_line(as_logged(error), LONGEST), expected)


def as_logged(error: LoggedError) -> str:
    """An error as it stands in its log: without the kind that vops has given to a line."""
    return error.message if error.type in KINDS and error.message else str(error)


def death_line(replica: Replica, number: int, observed: str) -> Evidence:
    """A line of the log of the instance that died."""
    return Evidence("log", f"line {number}{_of_which(replica)}", one_line(observed, LONGEST))


def log_line(number: int, observed: str) -> Evidence:
    """A line of the present instance's log."""
    return Evidence("log", f"line {number}", one_line(observed, LONGEST))


def label_words(labels: Mapping[str, str]) -> str:
    """Labels or a selector in one line."""
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "none"


def _of_which(replica: Replica) -> str:
    return " of the previous log" if replica.death_log_is_previous else ""


def scheduler(replica: Replica) -> tuple[Evidence, ...]:
    """The scheduler's own words, where it has said anything."""
    said, condition = replica.placement.scheduler, replica.pod.condition("PodScheduled")
    if said is None:
        return ()
    if condition is None or not condition.message:
        return (Evidence("event", "FailedScheduling", one_line(said.text, LONGEST)),)
    return (pod_field("status.conditions[PodScheduled].message", said.text),)


def exit_status(replica: Replica) -> tuple[Evidence, ...]:
    """How the last instance ended."""
    death, status = replica.last_death, replica.status
    if death is None or status is None or not replica.observed:
        return ()
    path = "state.terminated" if status.state.terminated else "lastState.terminated"
    words = [f"exit code {death.exit_code}", death.reason or ""]
    if death.started_at and death.finished_at:
        words.append(f"after {(death.finished_at - death.started_at).total_seconds():.0f} s")
    return (status_field(replica, path, ", ".join(word for word in words if word)),)
