"""Peeks into the logs of replicas that do not serve, so that the fleet can say why; a few at a time, now and then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from vops.model.pods import Pod
from vops.model.serving import vllm_container
from vops.model.snapshot import ClusterSnapshot, ContainerLog, SourceStatus
from vops.operations.observation.log_tails import LogTails
from vops.ports import Clock, Cluster

ROUND_S = 2.0
AGAIN_AFTER_S = 15.0
MOST_A_ROUND = 6
MOST_HELD = 50


class LogPeek:
    """Holds the newest look into each log that is worth one."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster, self._clock = cluster, clock
        self._seen: dict[str, tuple[int, datetime]] = {}
        self._held: dict[str, tuple[ContainerLog, ...]] = {}
        self._status: SourceStatus | None = None

    def onto(self, snapshot: ClusterSnapshot) -> ClusterSnapshot:
        """`snapshot` with the logs that are held."""
        if self._status is None:
            return snapshot
        logs = tuple(log for held in self._held.values() for log in held)
        return msgspec.structs.replace(snapshot, logs=logs, sources=(*snapshot.sources, self._status))

    async def look(self, pods: Sequence[Pod]) -> bool:
        """Reads the logs that are due; whether there was anything to read."""
        now = self._clock.now()
        worth = [pod for pod in pods if _not_serving(pod)][:MOST_HELD]
        known = {pod.metadata.uid for pod in worth}
        self._held = {uid: logs for uid, logs in self._held.items() if uid in known}
        self._seen = {uid: seen for uid, seen in self._seen.items() if uid in known}
        due = [pod for pod in worth if self._is_due(pod, now)][:MOST_A_ROUND]
        if not due:
            return False
        tails = LogTails(self._cluster, self._clock)
        await tails.fetch(due)
        for pod in due:
            self._seen[pod.metadata.uid] = (_restarts(pod), now)
            self._held[pod.metadata.uid] = tuple(log for log in tails.logs if log.pod == pod.metadata.name)
        self._status = tails.status(now)
        return True

    def _is_due(self, pod: Pod, now: datetime) -> bool:
        restarts, seen = self._seen.get(pod.metadata.uid, (-1, now))
        return restarts != _restarts(pod) or (now - seen).total_seconds() >= AGAIN_AFTER_S


def _not_serving(pod: Pod) -> bool:
    """Whether a vLLM container has run, or runs, and is not ready."""
    if all(status.ready for status in pod.status.container_statuses):
        return False  # found without a look at what it runs: nearly all pods of a large cluster are like that
    container = vllm_container(pod)
    status = pod.container_status(container.name) if container else None
    return status is not None and not status.ready and pod.metadata.deletion_timestamp is None


def _restarts(pod: Pod) -> int:
    return sum(status.restart_count for status in pod.status.container_statuses)
