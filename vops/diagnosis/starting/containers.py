"""The containers around the server in its pod: init containers, which run before it, and sidecars, which run beside it.

Each is looked at as a replica whose container is another one, so that every rule about how a container is created, runs
and ends holds for it as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from vops.diagnosis.facts import Replica
from vops.diagnosis.states import ReplicaState, is_terminal, restarts_in_a_loop
from vops.model.pods import Container, ContainerStatus
from vops.model.serving import vllm_container

_ON_ITS_WAY = ("", "ContainerCreating", "PodInitializing")


class Role(StrEnum):
    SERVER = "server"
    INIT = "init container"
    SIDECAR = "sidecar"


def role(replica: Replica) -> Role:
    """What a replica's container is in its pod."""
    container, spec = replica.container, replica.pod.spec
    if any(item.name == container.name for item in spec.init_containers):
        return Role.SIDECAR if container.restart_policy == "Always" else Role.INIT
    server = vllm_container(replica.pod) or next(iter(spec.containers), container)
    return Role.SERVER if server.name == container.name else Role.SIDECAR


def called(replica: Replica) -> str:
    """How a summary names the container; empty for the server itself."""
    kind = role(replica)
    return "" if kind is Role.SERVER else f"{kind} {replica.container.name}"


def to_examine(replica: Replica) -> tuple[Replica, ...]:
    """The replica and each sidecar in trouble; or the one init container that nothing gets past."""
    if replica.state is ReplicaState.TERMINATING or replica.pod.status.reason:
        return (replica,)
    blocking = next(_failing(replica, Role.INIT), None)
    if blocking is not None:
        return (blocking,)
    return (replica,) if is_terminal(replica.pod) else (replica, *failing_sidecars(replica))


def failing_sidecars(replica: Replica) -> tuple[Replica, ...]:
    """The sidecars that cannot be created or that end again and again.

    While the server loads, one that ends again and again may only wait for it.
    """
    found = _failing(replica, Role.SIDECAR)
    loading = replica.state is ReplicaState.LOADING
    return tuple(item for item in found if not (loading and item.last_death is not None))


def _failing(replica: Replica, wanted: Role) -> Iterator[Replica]:
    spec = replica.pod.spec
    for container in (*spec.init_containers, *spec.containers):
        view = _seen_as(replica, container)
        if role(view) is wanted and view.status is not None and _in_trouble(view.status, wanted):
            yield view


def _seen_as(replica: Replica, container: Container) -> Replica:
    status = replica.pod.container_status(container.name)
    return replace(replica, container=container, status=status, samples=None, gpus=())


def _in_trouble(status: ContainerStatus, kind: Role) -> bool:
    waiting, ended, before = status.state.waiting, status.state.terminated, status.last_state.terminated
    if waiting is not None and waiting.reason not in _ON_ITS_WAY:
        return True
    if ended is not None:
        return ended.exit_code != 0
    if before is None or before.exit_code == 0:
        return False
    return kind is Role.INIT or (not status.ready and restarts_in_a_loop(status))
