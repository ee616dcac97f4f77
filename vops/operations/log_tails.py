"""LogTails: the ends of containers' logs, of now and of before the last restart, fetched all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime

from vops.errors import Forbidden, NotFound, Rejected, VopsError
from vops.model.resources import Container, ContainerStatus, Pod
from vops.model.serving import vllm_container
from vops.model.snapshot import ContainerLog, Source, SourceState, SourceStatus
from vops.model.text import one_line
from vops.ports import Cluster

TAIL_LINES = 2000
MOST_AT_ONCE = 16
MOST_PODS = 50


def unwell(pod: Pod) -> bool:
    """Whether a pod's vLLM container is not ready, or has been restarted: its log may say why."""
    container = vllm_container(pod)
    status = None if container is None else pod.container_status(container.name)
    return status is not None and (not status.ready or status.restart_count > 0)


class LogTails:
    """Fetches and keeps logs; failures become the state of Source.LOGS."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._found: dict[tuple[str, str, str, bool], ContainerLog] = {}
        self._failure: VopsError | None = None
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    @property
    def logs(self) -> tuple[ContainerLog, ...]:
        """What was fetched, in a stable order."""
        return tuple(self._found[key] for key in sorted(self._found))

    async def fetch(self, pods: Iterable[Pod]) -> None:
        """The logs of the vLLM container of each pod (of its first one when none is), and of others that failed."""
        wanted = [pair for pod in list(pods)[:MOST_PODS] for pair in _instances(pod)]
        await asyncio.gather(*(self._fetch(pod, container, previous) for pod, container, previous in wanted))

    def status(self, now: datetime) -> SourceStatus:
        """The state of Source.LOGS after fetching."""
        failure = self._failure
        if isinstance(failure, Forbidden):
            return SourceStatus(Source.LOGS, SourceState.DENIED, detail=_words(failure))
        if failure is not None:
            return SourceStatus(Source.LOGS, SourceState.RETRYING, detail=_words(failure))
        if not self._found:
            return SourceStatus(Source.LOGS, SourceState.ABSENT, detail="no container has written a log")
        return SourceStatus(Source.LOGS, SourceState.LIVE, at=now)

    async def _fetch(self, pod: Pod, container: Container, previous: bool) -> None:
        meta = pod.metadata
        try:
            async with self._room:
                text = await self._cluster.logs(
                    meta.namespace, meta.name, container.name, previous=previous, tail_lines=TAIL_LINES
                )
        except (NotFound, Rejected):
            return  # the instance is gone, or has not written anything yet
        except VopsError as error:
            self._failure = error
            return
        cut = text.count("\n") >= TAIL_LINES
        log = ContainerLog(meta.namespace, meta.name, container.name, text, previous=previous, truncated=cut)
        self._found[meta.namespace, meta.name, container.name, previous] = log


def _instances(pod: Pod) -> list[tuple[Pod, Container, bool]]:
    """The instances of a pod's containers that are worth reading: the present one, and the one before a restart."""
    if not pod.spec.containers:
        return []
    main = vllm_container(pod) or pod.spec.containers[0]
    statuses = (*pod.status.container_statuses, *pod.status.init_container_statuses)
    by_name = {status.name: status for status in statuses}
    found = []
    for container in (main, *pod.spec.init_containers, *pod.spec.containers):
        status = by_name.pop(container.name, None)
        if status is None or not _has_run(status) or not (container is main or _failed(status)):
            continue
        found.append((pod, container, False))
        found += [(pod, container, True)] if status.restart_count > 0 else []
    return found


def _failed(status: ContainerStatus) -> bool:
    ends = (status.state.terminated, status.last_state.terminated)
    return any(end is not None and end.exit_code != 0 for end in ends)


def _has_run(status: ContainerStatus) -> bool:
    states = (status.state, status.last_state)
    return status.restart_count > 0 or any(state.running or state.terminated for state in states)


def _words(error: VopsError) -> str:
    return one_line(f"{error.message} ({error.hint})" if error.hint else error.message)
