"""LogTails: the ends of containers' logs, of now and of before the last restart, fetched all at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from vops.errors import Forbidden, NotFound, Rejected, VopsError
from vops.model.objects import Meta
from vops.model.pods import Container, ContainerStatus, Pod
from vops.model.serving import vllm_container
from vops.model.snapshot import ContainerLog, Source, SourceState, SourceStatus
from vops.operations.wording import failure_words
from vops.ports import Clock, Cluster

TAIL_LINES = 2000
MOST_AT_ONCE = 16
MOST_PODS = 200
"""Of one look: four hundred logs of 2,000 lines take some seconds and up to 100 MB."""


def unwell(pod: Pod) -> bool:
    """Whether a pod's vLLM container is not ready, or has been restarted: its log may say why."""
    container = vllm_container(pod)
    status = None if container is None else pod.container_status(container.name)
    return status is not None and (not status.ready or status.restart_count > 0)


Instance = tuple[Pod, Container, bool]
"""A container's present instance, or (True) the one before."""


_GONE = 404
_AGAIN_AFTER_S = (1.0, 2.0)
"""An instance that ends while it is looked at takes the log of the one before it along; the kubelet offers its own once
it has looked at the pod again."""


class LogTails:
    """Fetches and keeps logs; failures become the state of Source.LOGS."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._found: dict[tuple[str, str, str, bool], ContainerLog] = {}
        self._failure: VopsError | None = None
        self._unread = 0
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    @property
    def logs(self) -> tuple[ContainerLog, ...]:
        """What was fetched, in a stable order."""
        return tuple(self._found[key] for key in sorted(self._found))

    async def fetch(self, pods: Iterable[Pod]) -> None:
        """The logs of the vLLM container of each pod (of its first one when none is), and of others that failed.

        Of MOST_PODS pods at most; the first of each workload comes before the second of any.
        """
        wanted = _each_owner_first([instances for pod in pods if (instances := _instances(pod))])
        self._unread = len(wanted) - len(wanted[:MOST_PODS])
        asked = (instance for instances in wanted[:MOST_PODS] for instance in instances)
        await asyncio.gather(*(self._fetch(pod, container, previous) for pod, container, previous in asked))

    def status(self, now: datetime) -> SourceStatus:
        """The state of Source.LOGS after fetching."""
        failure = self._failure
        if isinstance(failure, Forbidden):
            return SourceStatus(Source.LOGS, SourceState.DENIED, detail=failure_words(failure))
        if failure is not None:
            return SourceStatus(Source.LOGS, SourceState.RETRYING, detail=failure_words(failure))
        if not self._found:
            return SourceStatus(Source.LOGS, SourceState.ABSENT, detail="no container has written a log")
        unread = f"the logs of {self._unread} more pods were not read" if self._unread else ""
        return SourceStatus(Source.LOGS, SourceState.LIVE, at=now, detail=unread)

    async def _fetch(self, pod: Pod, container: Container, previous: bool) -> None:
        meta = pod.metadata
        try:
            text = await self._read(meta, container.name, previous)
        except (NotFound, Rejected):
            return  # the instance is gone, or has not written anything yet
        except VopsError as error:
            self._failure = error
            return
        cut = text.count("\n") >= TAIL_LINES
        log = ContainerLog(meta.namespace, meta.name, container.name, text, previous=previous, truncated=cut)
        self._found[meta.namespace, meta.name, container.name, previous] = log

    async def _read(self, meta: Meta, container: str, previous: bool) -> str:
        for pause_s in _AGAIN_AFTER_S:
            try:
                return await self._ask(meta, container, previous)
            except NotFound as error:
                if error.status != _GONE:
                    raise
            await self._clock.sleep(pause_s)
        return await self._ask(meta, container, previous)

    async def _ask(self, meta: Meta, container: str, previous: bool) -> str:
        async with self._room:
            return await self._cluster.logs(
                meta.namespace, meta.name, container, previous=previous, tail_lines=TAIL_LINES
            )


def _each_owner_first(wanted: list[list[Instance]]) -> list[list[Instance]]:
    """Pods by their instances, those of different workloads first: what one says, its siblings mostly say too."""
    seen: Counter[str] = Counter()
    ranked = []
    for instances in wanted:
        meta = instances[0][0].metadata
        owner = meta.controller.uid if meta.controller is not None else meta.uid
        ranked.append((seen[owner], instances))
        seen[owner] += 1
    return [instances for _, instances in sorted(ranked, key=lambda item: item[0])]


def _instances(pod: Pod) -> list[Instance]:
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
