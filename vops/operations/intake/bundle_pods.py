"""Whose log or metrics a file of a bundle holds, and the pod that stands for one that is not there.

A file is named after a pod, a container, or both (`POD_CONTAINER`); pods of its own folder come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from vops.diagnosis.facts import STAND_IN
from vops.diagnosis.logs.claims import known
from vops.diagnosis.logs.components import GOES_ON
from vops.diagnosis.logs.places import told_by_place
from vops.diagnosis.logs.reader import read_log
from vops.diagnosis.logs.stages import Stage
from vops.model.objects import Condition, Meta
from vops.model.patterns import lazy_pattern
from vops.model.pods import Container, ContainerState, ContainerStatus, Pod, PodSpec, PodStatus, Running, Terminated
from vops.model.serving import vllm_container

PREVIOUS = ".previous"
_ERRORS = lazy_pattern(r"(?<![a-z_])error:|Error:|Exception:")
_LAST_LINES = 5


class PodFile(msgspec.Struct, frozen=True):
    """A pod and the folder that its object was read from (None: standard input)."""

    pod: Pod
    folder: Path | None


def split_previous(stem: str) -> tuple[str, bool]:
    """The name in a log file's stem, and whether it is of the instance before the last restart."""
    return stem.removesuffix(PREVIOUS), stem.endswith(PREVIOUS)


def owners(name: str, folder: Path | None, pods: Sequence[PodFile]) -> list[tuple[Pod, str]]:
    """The pods and containers that a file called `name` may be about; more than one where the name does not tell."""
    near = [item.pod for item in pods if item.folder == folder and folder is not None]
    everything = [item.pod for item in pods]
    for candidates in (near, everything):
        for match in (_by_pod, _by_container):
            if found := match(name, candidates):
                return found
    lone = near if len(near) == 1 else everything
    return [(lone[0], main_container(lone[0]))] if len(lone) == 1 and _may_be_its(name, folder, lone[0]) else []


def _by_pod(name: str, pods: Sequence[Pod]) -> list[tuple[Pod, str]]:
    whole = [(pod, main_container(pod)) for pod in pods if pod.metadata.name == name]
    return whole or [
        (pod, container) for pod in pods for container in _containers(pod) if name == f"{pod.metadata.name}_{container}"
    ]


def _by_container(name: str, pods: Sequence[Pod]) -> list[tuple[Pod, str]]:
    return [(pod, name) for pod in pods if name in _containers(pod)]


def _may_be_its(name: str, folder: Path | None, pod: Pod) -> bool:
    """A log with a name of its own is that of the only pod when that has one container only, or came on stdin."""
    return folder is None or (len(_containers(pod)) == 1 and "_" not in name)


def main_container(pod: Pod) -> str:
    """The container of a pod that a file named after the pod is about."""
    found = vllm_container(pod)
    return found.name if found else next(iter(_containers(pod)), "")


def _containers(pod: Pod) -> tuple[str, ...]:
    return tuple(item.name for item in (*pod.spec.containers, *pod.spec.init_containers))


# --- a pod that is not there ------------------------------------------------------------------------------


def stand_in(name: str, source: str, log: str | None, at: datetime, *, previous: bool = False) -> Pod:
    """A pod as far as a log tells of one (`log` None: only metrics): it runs, serves, or has ended.

    Its exit code is what vLLM's would be; nobody has seen it, so nothing may be concluded from it.
    """
    pod_name, _, container = name.partition("_")
    container = container or "vllm"
    ended, ready, asked = (False, True, False) if log is None else _ended(log, previous)
    died = Terminated(exit_code=0 if asked else 1)
    state = ContainerState(terminated=died) if ended else ContainerState(running=Running())
    status = ContainerStatus(name=container, state=state, ready=ready and not ended)
    return Pod(
        metadata=Meta(name=pod_name, annotations={STAND_IN: source}),
        spec=PodSpec(
            containers=(Container(name=container, command=("vllm", "serve")),),
            node_name="unknown",
        ),
        status=PodStatus(
            phase="Succeeded" if asked else "Running",
            conditions=(Condition("PodScheduled", "True", last_transition_time=at),),
            container_statuses=(status,),
        ),
    )


def with_its_end(pod: Pod, source: str, log: str, at: datetime) -> Pod:
    """A pod that runs, of which the states were not copied, with the end that a log beside it tells of."""
    cut = pod.status.phase == "Running" and not (pod.status.container_statuses or pod.status.init_container_statuses)
    if not cut or not _ended(log, previous=False)[0]:
        return pod
    told = stand_in(f"{pod.metadata.name}_{main_container(pod)}", source, log, at).status.container_statuses
    meta = msgspec.structs.replace(pod.metadata, annotations=pod.metadata.annotations | {STAND_IN: source})
    status = msgspec.structs.replace(pod.status, container_statuses=told)
    return msgspec.structs.replace(pod, metadata=meta, status=status)


def _ended(log: str, previous: bool) -> tuple[bool, bool, bool]:
    """Whether the process that wrote a log has ended, whether it served, and whether it was asked to stop serving."""
    reading = read_log(log)
    gone_on = reading.phases[-1].line if reading.phases and reading.stage is not Stage.BOOT else 0
    last = log.rstrip().splitlines()[gone_on:][-_LAST_LINES:]
    worded = reading.component not in GOES_ON and any(map(_ERRORS.search, last))
    pasted = any(item.frames or known(item.text) or told_by_place(item) for item in reading.fragment)
    failed = reading.root is not None or reading.failing or worded or pasted
    died = previous or reading.engine_died or reading.terminated or (failed and not reading.ready)
    return died, reading.ready, reading.ready and reading.terminated
