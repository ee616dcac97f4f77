"""The state of a replica: one word for where its pod and its server are in their life.

    pending → creating → loading → ready ⇄ not-ready → terminating
                  ↑          │
                  └──────────┴─→ crash-looping, failed, completed

A server that loads is not a failure: as long as it is within its startup budget it is `loading`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from vops.model.pods import ContainerStatus, Pod
from vops.model.resources import Event

if TYPE_CHECKING:
    from vops.diagnosis.facts import Replica

LOADING_LIMIT_S = 3600
"""How long a server without a startup probe may take before it no longer counts as loading."""

_RESTART_WITHIN = timedelta(minutes=6)
"""The kubelet waits at most 5 minutes before it starts a crashed container again."""

_BACKOFF_RESET = timedelta(minutes=10)
"""The kubelet takes a container that ran this long for cured."""

_SIDECAR_START = timedelta(minutes=5)
"""How long a container that is no model server may take to become ready."""

_WORKERS_JOIN_S = 300
"""How long the workers of a Ray cluster may take to bring their GPUs."""

_RAY_PLACES_S = 60
"""How long Ray may take to hand out GPUs that it has; vLLM has said before that these are too few."""

_TOO_FEW = re.compile(r"exceeds (?:the total number of )?available GPUs", re.ASCII)
_PLACING = re.compile(r"creating a placement group of specs for (\d{1,6}) seconds", re.ASCII)
_CLOCK_SLACK = timedelta(seconds=3)
_NEVER_RIGHT = re.compile(
    r"executable file not found|(?:sh|bash): .{0,60}: (?:command )?not found|gave HTTP response to HTTPS client"
    r"|malformed HTTP response|does not implement the grpc health"
    r"|couldn't find port|invalid port number|no port named|errored: strconv\.",
    re.ASCII,
)
AWAITED = re.compile(r"awaiting headers|timeout awaiting response", re.ASCII)
"""What a probe says of a server that takes its connection and does not answer: one that loads takes none."""
_REFUSES = re.compile(r"connection refused|statuscode: 503", re.ASCII)
_AWAITED_IN_VAIN = 3
_RAY_NODES = re.compile(r"Ray cluster status: (\d{1,6})/(\d{1,6}) nodes alive", re.ASCII)
_COUNTED_OFTEN = 20
"""Readiness probes after which the start of a Ray worker no longer explains that it is missing."""
_ANSWERED = re.compile(r"statuscode: 4\d\d", re.ASCII)


class ReplicaState(StrEnum):
    """Where a replica is in its life."""

    PENDING = "pending"  # no node yet
    CREATING = "creating"  # on a node: image, volumes, configuration, init containers
    LOADING = "loading"  # the process runs and is within its budget
    READY = "ready"
    NOT_READY = "not-ready"  # it served or should by now, and does not
    CRASH_LOOPING = "crash-looping"  # it ends again and again, or has just ended and will be started again
    TERMINATING = "terminating"
    FAILED = "failed"
    COMPLETED = "completed"


def replica_state(replica: Replica) -> ReplicaState:
    pod, status = replica.pod, replica.status
    phase = {"Failed": ReplicaState.FAILED, "Succeeded": ReplicaState.COMPLETED}.get(pod.status.phase)
    if pod.metadata.deletion_timestamp is not None:
        return ReplicaState.TERMINATING
    if phase is not None:
        return phase
    if not pod.spec.node_name and not _has_begun(status):
        return ReplicaState.PENDING
    if status is None or status.state.waiting is not None:
        return _waiting(status)
    if status.state.running is None:
        return ReplicaState.CRASH_LOOPING if status.state.terminated else ReplicaState.CREATING
    if status.ready and not _ready_in_name_only(replica, status):
        return ReplicaState.NOT_READY if _held_back(replica) else ReplicaState.READY
    return _running(replica, status)


def _has_begun(status: ContainerStatus | None) -> bool:
    """Whether a kubelet tells of a container: on a node, even if what was handed in leaves out on which."""
    if status is None:
        return False
    now = status.state
    return any((now.running, now.terminated, now.waiting, status.last_state.terminated))


def is_settled(replica: Replica) -> bool:
    """Whether a replica is ready and remains so until its pod changes: neither time nor a log has a say in it."""
    status, ready = replica.status, replica.pod.condition("Ready")
    if status is None or status.restart_count > 1 or (ready is not None and ready.status == "False"):
        return False
    return replica.state is ReplicaState.READY


def _ready_in_name_only(replica: Replica, status: ContainerStatus) -> bool:
    """Without a readiness probe a container is Ready from its first moment, even between two crashes."""
    container = replica.container
    if container.readiness_probe or container.startup_probe or not restarts_in_a_loop(status):
        return False
    started = started_at(replica)
    young = started is None or replica.facts.snapshot.at - started < _BACKOFF_RESET
    return young and not answers(replica)


def _held_back(replica: Replica) -> bool:
    """Whether another container keeps a pod whose server is ready from its Service: one that is not about to be."""
    ready = replica.pod.condition("Ready")
    if ready is None or ready.status != "False":
        return False
    others = (item for item in replica.pod.status.container_statuses if item.name != replica.container.name)
    return any(not item.ready and not is_starting(item, replica.facts.snapshot.at) for item in others)


def is_starting(status: ContainerStatus, at: datetime) -> bool:
    """Whether a container beside the server has been started a short time ago."""
    running = status.state.running
    return running is not None and (running.started_at is None or at - running.started_at < _SIDECAR_START)


def _waiting(status: ContainerStatus | None) -> ReplicaState:
    waiting = status.state.waiting if status else None
    looping = waiting is not None and waiting.reason == "CrashLoopBackOff"
    return ReplicaState.CRASH_LOOPING if looping else ReplicaState.CREATING


def _running(replica: Replica, status: ContainerStatus) -> ReplicaState:
    if served(replica) or answers(replica) or _never_becomes_ready(replica) or _answers_late(replica):
        return ReplicaState.NOT_READY
    if ray_nodes(replica) is not None or _its_node_is_gone(replica):
        return ReplicaState.NOT_READY
    if restarts_in_a_loop(status):
        return ReplicaState.CRASH_LOOPING
    return ReplicaState.LOADING if within_budget(replica) and not waited_s(replica) else ReplicaState.NOT_READY


def _its_node_is_gone(replica: Replica) -> bool:
    """Whether the last that was said of the pod is that its node is not ready."""
    return bool(replica.events) and replica.events[-1].reason == "NodeNotReady"


def ray_nodes(replica: Replica) -> tuple[int, int] | None:
    """The nodes that have joined its Ray cluster, and those it waits for, where a probe has missed some for long."""
    for item in reversed(replica.events):
        counted = _RAY_NODES.search(item.message) if item.reason == "Unhealthy" else None
        if counted is not None and item.times >= _COUNTED_OFTEN and int(counted[1]) < int(counted[2]):
            return int(counted[1]), int(counted[2])
    return None


def waited_s(replica: Replica) -> int:
    """How long a server has waited in vain for the GPUs of its Ray cluster, in seconds; 0 as long as they may come."""
    notices = replica.log.notices if replica.log is not None else ()
    said = [int(match[1]) for item in notices if (match := _PLACING.search(item.message)) is not None]
    least = _WORKERS_JOIN_S if not any(_TOO_FEW.search(item.message) for item in notices) else _RAY_PLACES_S
    return max((seconds for seconds in said if seconds >= least), default=0)


def started_at(replica: Replica) -> datetime | None:
    """When the instance that runs now was started."""
    running = replica.status.state.running if replica.status else None
    return running.started_at if running else None


def served(replica: Replica) -> bool:
    """Whether the instance that runs now has been ready: its Ready condition fell after it started."""
    ready, started = replica.pod.condition("Ready"), started_at(replica)
    if ready is None or ready.last_transition_time is None or started is None:
        return False
    return ready.last_transition_time > started + _CLOCK_SLACK


def answers(replica: Replica) -> bool:
    """Whether the server of the instance that runs now has come up: by its log, a scrape, or its answer to a probe."""
    started = started_at(replica)
    latest = replica.samples.latest if replica.samples and not replica.samples.error else None
    scraped = latest is not None and (started is None or latest.at > started)
    return scraped or bool(replica.log and replica.log.ready) or _answered_a_probe(replica)


def _answered_a_probe(replica: Replica) -> bool:
    """Whether a probe of this instance got an HTTP status that only a server that is up gives (503 may be a start)."""
    started = started_at(replica)
    return any(
        item.reason == "Unhealthy" and _ANSWERED.search(item.message) and _since(item.last_seen, started)
        for item in replica.events
    )


def _never_becomes_ready(replica: Replica) -> bool:
    """Whether the readiness probe asks in a way that never gets an answer, so that waiting does not help."""
    said = (item.message for item in replica.events if item.reason == "Unhealthy")
    return any(_NEVER_RIGHT.search(text) for text in said)


def _answers_late(replica: Replica) -> bool:
    """Whether a pod of which only events tell has been asked for its life in vain, again and again."""
    said = () if replica.observed else replica.events
    return any(
        _in_vain(item) and (AWAITED.search(item.message) or _REFUSES.search(item.message))
        for item in said
        if item.reason == "Unhealthy" and item.message.startswith("Liveness")
    )


def _in_vain(event: Event) -> bool:
    """Whether a probe has failed often enough; what somebody quotes without a time, they have seen for long."""
    return event.times >= _AWAITED_IN_VAIN or event.last_seen is None


def refuses_in_vain(event: Event) -> bool:
    """Whether a probe found nobody, or an engine that is dead, as often as the kubelet has patience by default."""
    return _in_vain(event) and _REFUSES.search(event.message) is not None


def _since(seen: datetime | None, started: datetime | None) -> bool:
    return seen is None or started is None or seen >= started


def restarts_in_a_loop(status: ContainerStatus) -> bool:
    """Whether the container was started again, more than once, right after it died."""
    died, running = status.last_state.terminated, status.state.running
    if status.restart_count < 2 or died is None or running is None:
        return False
    if died.finished_at is None or running.started_at is None:
        return True
    return running.started_at - died.finished_at <= _RESTART_WITHIN


def startup_budget_s(replica: Replica) -> int:
    """How long a start may take: what the startup probe allows, else LOADING_LIMIT_S."""
    probe = replica.container.startup_probe
    return probe.budget_s if probe else LOADING_LIMIT_S


def within_budget(replica: Replica) -> bool:
    started = started_at(replica)
    if started is None:
        return True
    age_s = (replica.facts.snapshot.at - started).total_seconds()
    return age_s <= startup_budget_s(replica)


def is_terminal(pod: Pod) -> bool:
    """Whether a pod has ended, so that it holds nothing on its node any more."""
    return pod.status.phase in ("Succeeded", "Failed")
