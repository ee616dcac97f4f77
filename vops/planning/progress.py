"""How far a rollout is: kubectl's `rollout status` to the letter, and the ends that kubectl waits out.

kubectl (rollout_status.go) knows one failure, an exceeded progress deadline. A rollout has also failed when it is
paused, when no pod can be created, and when a pod of the new template cannot start; and it has not failed while such
a pod loads within its startup budget, whatever the progress deadline says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from vops.model.pods import ContainerStatus, Pod
from vops.model.resources import Workload

PATIENCE_S = 120.0
"""How long a pod of the new template may be unschedulable, or fail to pull or create, before it counts as stuck."""

CRASHES = 3
"""Restarts of one container after which a pod of the new template counts as crash-looping."""

DEADLINE = "ProgressDeadlineExceeded"
REVISION = "deployment.kubernetes.io/revision"
_STUCK_WAITING = frozenset(
    {
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)


class Phase(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a rollout stands; `reason` is a CamelCase word for a failure, as Kubernetes itself would name it."""

    phase: Phase
    message: str
    reason: str = ""


def rollout_progress(workload: Workload) -> Progress:
    """kubectl's verdict on a Deployment, a StatefulSet or a DaemonSet."""
    return {"StatefulSet": _statefulset, "DaemonSet": _daemonset}.get(workload.kind, _deployment)(workload)


class Wait(msgspec.Struct, frozen=True):
    """How long a rollout has been waited for: what was wrong before `since` may just be going away."""

    since: datetime
    now: datetime

    def seconds(self, start: datetime | None) -> float:
        """For how long something has been so, as far as this wait has seen."""
        return (self.now - max(start or self.since, self.since)).total_seconds()


def judge(workload: Workload, new_pods: Sequence[Pod], wait: Wait, *, terminating: bool = False) -> Progress:
    """kubectl's verdict, plus what it lacks: pods that will never start end the wait, loading ones extend it.

    `terminating`: pods of the workload are still going, so that a new one may well wait for their GPUs.
    """
    progress = rollout_progress(workload)
    if progress.phase is Phase.DONE:
        return progress
    if stopped := _stopped(workload):
        return stopped
    hopeless = next((found for pod in new_pods if (found := stuck(pod, wait, terminating=terminating))), None)
    if hopeless:
        return hopeless
    if progress.reason == DEADLINE:
        return _overdue(progress, workload, new_pods, wait)
    return progress


def _overdue(progress: Progress, workload: Workload, new_pods: Sequence[Pod], wait: Wait) -> Progress:
    """An exceeded deadline is no verdict while a new pod loads, nor right after the change that is to end it."""
    if any(is_loading(pod, wait.now) for pod in new_pods):
        return Progress(Phase.WAITING, f"{progress.message}, but a new pod still loads within its startup budget")
    condition = workload.condition("Progressing")
    if condition is not None and wait.seconds(condition.last_transition_time) <= PATIENCE_S:
        return Progress(Phase.WAITING, f"{progress.message} before the change")
    return progress


def new_pods(workload: Workload, replicasets: Sequence[Workload], pods: Sequence[Pod]) -> tuple[Pod, ...]:
    """The pods of the workload's present template, terminating ones left out."""
    if workload.kind == "StatefulSet":
        revision = workload.status.update_revision
        label = "controller-revision-hash"
        mine = {pod.metadata.uid for pod in pods if _controlled_by(pod, workload.metadata.uid)}
    else:
        revision, label = _template_hash(workload, replicasets), "pod-template-hash"
        owned = {item.metadata.uid for item in replicasets if _is_owned(item, workload)}
        mine = {pod.metadata.uid for pod in pods if any(_controlled_by(pod, uid) for uid in owned)}
    return tuple(
        pod
        for pod in pods
        if pod.metadata.uid in mine
        and pod.metadata.labels.get(label, "") == revision
        and pod.metadata.deletion_timestamp is None
    )


def is_loading(pod: Pod, at: datetime) -> bool:
    """Whether a container runs for the first time and is within what its startup probe allows."""
    containers = {container.name: container for container in pod.spec.containers}
    for status in pod.status.container_statuses:
        running, container = status.state.running, containers.get(status.name)
        if running is None or running.started_at is None or status.ready or status.restart_count or container is None:
            continue
        if container.startup_probe is None:
            continue
        if (at - running.started_at).total_seconds() <= container.startup_probe.budget_s:
            return True
    return False


def _deployment(workload: Workload) -> Progress:
    name, spec, status = workload.metadata.name, workload.spec, workload.status
    replicas = 1 if spec.replicas is None else spec.replicas
    if workload.metadata.generation > status.observed_generation:
        return Progress(Phase.WAITING, "waiting for the deployment's new spec to be observed")
    progressing = workload.condition("Progressing")
    if progressing is not None and progressing.reason == DEADLINE:
        return Progress(Phase.FAILED, f"deployment {name} exceeded its progress deadline", progressing.reason)
    if status.updated_replicas < replicas:
        return Progress(Phase.WAITING, f"{status.updated_replicas} of {replicas} new replicas have been updated")
    if status.replicas > status.updated_replicas:
        old = status.replicas - status.updated_replicas
        return Progress(Phase.WAITING, f"{old} old replicas are pending termination")
    if status.available_replicas < status.updated_replicas:
        return Progress(
            Phase.WAITING, f"{status.available_replicas} of {status.updated_replicas} updated replicas are available"
        )
    return Progress(Phase.DONE, f"deployment {name} is rolled out" if replicas else "rolled out, with no replicas")


def _statefulset(workload: Workload) -> Progress:
    spec, status, strategy = workload.spec, workload.status, workload.spec.update_strategy
    if strategy.type not in ("", "RollingUpdate"):
        reason = "OnDelete"
        return Progress(Phase.FAILED, f"update strategy {strategy.type} replaces a pod only when it is deleted", reason)
    if not status.observed_generation or workload.metadata.generation > status.observed_generation:
        return Progress(Phase.WAITING, "waiting for the statefulset's new spec to be observed")
    replicas = 1 if spec.replicas is None else spec.replicas
    if status.ready_replicas < replicas:
        return Progress(Phase.WAITING, f"{status.ready_replicas} of {replicas} pods are ready")
    wanted = replicas - (strategy.rolling_update.partition if strategy.rolling_update else 0)
    if strategy.rolling_update and status.updated_replicas < wanted:
        return Progress(Phase.WAITING, f"{status.updated_replicas} of {wanted} new pods have been updated")
    if not strategy.rolling_update and status.update_revision != status.current_revision:
        return Progress(Phase.WAITING, f"{status.updated_replicas} pods are at revision {status.update_revision}")
    return Progress(Phase.DONE, f"statefulset {workload.metadata.name} is rolled out")


def _daemonset(workload: Workload) -> Progress:
    name, status, strategy = workload.metadata.name, workload.status, workload.spec.update_strategy
    if strategy.type not in ("", "RollingUpdate"):
        reason = "OnDelete"
        return Progress(Phase.FAILED, f"update strategy {strategy.type} replaces a pod only when it is deleted", reason)
    if workload.metadata.generation > status.observed_generation:
        return Progress(Phase.WAITING, "waiting for the daemonset's new spec to be observed")
    desired = status.desired_number_scheduled or 0
    if status.updated_number_scheduled < desired:
        return Progress(Phase.WAITING, f"{status.updated_number_scheduled} of {desired} pods have been updated")
    if status.number_available < desired:
        return Progress(Phase.WAITING, f"{status.number_available} of {desired} updated pods are available")
    return Progress(Phase.DONE, f"daemonset {name} is rolled out")


def _stopped(workload: Workload) -> Progress | None:
    if workload.spec.paused:
        return Progress(Phase.FAILED, "the deployment is paused, so nothing will happen", "Paused")
    failure = workload.condition("ReplicaFailure")
    if failure is not None and failure.status == "True":
        return Progress(Phase.FAILED, f"no pod can be created: {failure.message}", failure.reason or "ReplicaFailure")
    return None


def stuck(pod: Pod, wait: Wait, *, terminating: bool) -> Progress | None:
    """Why a pod of the new template will not start, as far as that can be said already."""
    name, created = pod.metadata.name, pod.metadata.creation_timestamp
    scheduled = pod.condition("PodScheduled")
    if scheduled is not None and scheduled.reason == "Unschedulable" and scheduled.status == "False":
        patient = terminating or wait.seconds(scheduled.last_transition_time or created) <= PATIENCE_S
        return None if patient else Progress(Phase.FAILED, f"pod {name}: {scheduled.message}", scheduled.reason)
    if pod.status.phase == "Failed" and wait.seconds(created) > PATIENCE_S:
        return Progress(Phase.FAILED, f"pod {name} failed: {pod.status.message}", pod.status.reason)
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    return next((found for status in statuses if (found := _stuck_container(pod, status, wait))), None)


def _stuck_container(pod: Pod, status: ContainerStatus, wait: Wait) -> Progress | None:
    name, waiting, died = pod.metadata.name, status.state.waiting, status.last_state.terminated
    if waiting is not None and waiting.reason in _STUCK_WAITING:
        patient = wait.seconds(pod.metadata.creation_timestamp) <= PATIENCE_S
        return None if patient else Progress(Phase.FAILED, f"pod {name}: {waiting.message}", waiting.reason)
    if status.ready or died is None or status.restart_count < CRASHES:
        return None
    if died.finished_at is not None and died.finished_at < wait.since:
        return None
    how = f"ended {status.restart_count} times, last with exit code {died.exit_code} ({died.reason})"
    return Progress(Phase.FAILED, f"pod {name}: {status.name} {how}", "CrashLoopBackOff")


def _template_hash(workload: Workload, replicasets: Sequence[Workload]) -> str:
    """The pod-template-hash of the ReplicaSet that carries the Deployment's present revision; "?" when unknown."""
    revision = workload.metadata.annotations.get(REVISION, "")
    for item in replicasets:
        if _is_owned(item, workload) and item.metadata.annotations.get(REVISION, "") == revision:
            return item.metadata.labels.get("pod-template-hash", "?")
    return "?"


def _is_owned(item: Workload, workload: Workload) -> bool:
    owner = item.metadata.controller
    return owner is not None and owner.uid == workload.metadata.uid


def _controlled_by(pod: Pod, uid: str) -> bool:
    owner = pod.metadata.controller
    return owner is not None and owner.uid == uid
