"""Rollout status: kubectl's verdicts, and the ends that kubectl waits out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vops.model.objects import Condition, Meta, OwnerReference
from vops.model.pods import (
    Container,
    ContainerState,
    ContainerStatus,
    Pod,
    PodSpec,
    PodStatus,
    Probe,
    Running,
    Terminated,
    Waiting,
)
from vops.model.resources import RollingUpdate, Strategy, Workload, WorkloadSpec, WorkloadStatus
from vops.planning.progress import REVISION, Phase, Wait, judge, new_pods, rollout_progress

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATE = Condition("Progressing", "False", "ProgressDeadlineExceeded")


def deployment(
    status: dict[str, Any], *, replicas: int | None = 2, generation: int = 3, paused: bool = False
) -> Workload:
    meta = Meta(name="llama", uid="d", generation=generation, annotations={REVISION: "2"})
    counts = {"observed_generation": 3, "replicas": 2, "updated_replicas": 2, "available_replicas": 2} | status
    return Workload(meta, "Deployment", WorkloadSpec(replicas, paused), WorkloadStatus(**counts))


@pytest.mark.parametrize(
    ("workload", "phase", "words"),
    [
        (deployment({}), Phase.DONE, "rolled out"),
        (deployment({}, generation=4), Phase.WAITING, "to be observed"),
        (deployment({"conditions": (LATE,)}, generation=4), Phase.WAITING, "to be observed"),
        (deployment({"conditions": (LATE,)}), Phase.FAILED, "exceeded its progress deadline"),
        (deployment({"updated_replicas": 1}), Phase.WAITING, "1 of 2 new replicas"),
        (deployment({"replicas": 3}), Phase.WAITING, "1 old replicas are pending termination"),
        (deployment({"available_replicas": 0}), Phase.WAITING, "0 of 2 updated replicas are available"),
        (deployment({"replicas": 0, "updated_replicas": 0, "available_replicas": 0}, replicas=0), Phase.DONE, "no rep"),
        (deployment({"replicas": 1, "updated_replicas": 1, "available_replicas": 1}, replicas=None), Phase.DONE, "out"),
    ],
)
def test_deployments_are_judged_as_kubectl_does(workload: Workload, phase: Phase, words: str) -> None:
    progress = rollout_progress(workload)
    assert progress.phase is phase
    assert words in progress.message


def statefulset(status: dict[str, Any], strategy: Strategy) -> Workload:
    counts = {"observed_generation": 3, "replicas": 3, "ready_replicas": 3, "updated_replicas": 3} | status
    spec = WorkloadSpec(3, update_strategy=strategy)
    return Workload(Meta(name="llama", generation=3), "StatefulSet", spec, WorkloadStatus(**counts))


ROLLING = Strategy("RollingUpdate", RollingUpdate())


@pytest.mark.parametrize(
    ("workload", "phase"),
    [
        (statefulset({}, ROLLING), Phase.DONE),
        (statefulset({"observed_generation": 0}, ROLLING), Phase.WAITING),
        (statefulset({"ready_replicas": 2}, ROLLING), Phase.WAITING),
        (statefulset({"updated_replicas": 2}, ROLLING), Phase.WAITING),
        (statefulset({"updated_replicas": 1}, Strategy("RollingUpdate", RollingUpdate(partition=2))), Phase.DONE),
        (statefulset({"update_revision": "b", "current_revision": "a"}, Strategy("RollingUpdate")), Phase.WAITING),
        (statefulset({}, Strategy("OnDelete")), Phase.FAILED),
    ],
)
def test_statefulsets_are_judged_as_kubectl_does(workload: Workload, phase: Phase) -> None:
    assert rollout_progress(workload).phase is phase


def daemonset(status: dict[str, int], *, strategy: str = "RollingUpdate") -> Workload:
    counts = {"observed_generation": 3, "desired_number_scheduled": 2, "updated_number_scheduled": 2}
    spec = WorkloadSpec(update_strategy=Strategy(strategy))
    found = WorkloadStatus(**{**counts, "number_available": 2, **status})  # type: ignore[arg-type]  # passed on as they came
    return Workload(Meta(name="exporter", generation=3), "DaemonSet", spec, found)


@pytest.mark.parametrize(
    ("workload", "phase", "words"),
    [
        (daemonset({}), Phase.DONE, "is rolled out"),
        (daemonset({"observed_generation": 2}), Phase.WAITING, "to be observed"),
        (daemonset({"updated_number_scheduled": 1}), Phase.WAITING, "1 of 2 pods have been updated"),
        (daemonset({"number_available": 0}), Phase.WAITING, "0 of 2 updated pods are available"),
        (daemonset({}, strategy="OnDelete"), Phase.FAILED, "only when it is deleted"),
    ],
)
def test_daemonsets_are_judged_as_kubectl_does(workload: Workload, phase: Phase, words: str) -> None:
    progress = rollout_progress(workload)
    assert progress.phase is phase
    assert words in progress.message


WAIT = Wait(NOW - timedelta(hours=1), NOW)
"""An hour has been waited."""

WAITING = deployment({"available_replicas": 0})
OVERDUE = deployment({"available_replicas": 0, "conditions": (LATE,)})


def pod(*, age_s: float = 300, conditions: tuple[Condition, ...] = (), **container: Any) -> Pod:
    meta = Meta(name="new", uid="p", creation_timestamp=NOW - timedelta(seconds=age_s))
    spec = PodSpec((Container("vllm", startup_probe=Probe(period_seconds=10, failure_threshold=60)),))
    status = ContainerStatus("vllm", **container)
    return Pod(meta, spec, PodStatus(conditions=conditions, container_statuses=(status,)))


def unschedulable(for_s: float) -> Condition:
    since = NOW - timedelta(seconds=for_s)
    return Condition("PodScheduled", "False", "Unschedulable", "0/2 nodes are available", since)


def waiting(reason: str) -> ContainerState:
    return ContainerState(waiting=Waiting(reason, "why"))


def running(for_s: float) -> ContainerState:
    return ContainerState(running=Running(NOW - timedelta(seconds=for_s)))


def died(ago_s: float) -> ContainerState:
    return ContainerState(terminated=Terminated(1, reason="Error", finished_at=NOW - timedelta(seconds=ago_s)))


@pytest.mark.parametrize(
    ("workload", "new", "reason"),
    [
        pytest.param(WAITING, pod(state=waiting("ImagePullBackOff")), "ImagePullBackOff", id="image"),
        pytest.param(WAITING, pod(state=waiting("ImagePullBackOff"), age_s=60), "", id="image, not long yet"),
        pytest.param(WAITING, pod(conditions=(unschedulable(200),)), "Unschedulable", id="unschedulable"),
        pytest.param(WAITING, pod(conditions=(unschedulable(60),)), "", id="unschedulable, not long yet"),
        pytest.param(
            WAITING, pod(restart_count=3, state=running(5), last_state=died(9)), "CrashLoopBackOff", id="crash loop"
        ),
        pytest.param(WAITING, pod(restart_count=1, state=running(5), last_state=died(9)), "", id="one restart"),
        pytest.param(OVERDUE, pod(state=running(500)), "", id="loads within its startup budget"),
        pytest.param(OVERDUE, pod(state=running(700)), "ProgressDeadlineExceeded", id="loads beyond its budget"),
    ],
)
def test_a_rollout_fails_when_a_new_pod_cannot_start_and_not_while_it_loads(
    workload: Workload, new: Pod, reason: str
) -> None:
    progress = judge(workload, [new], WAIT)
    assert (progress.phase is Phase.FAILED, progress.reason) == (bool(reason), reason)


def test_a_pod_may_wait_for_its_terminating_predecessor() -> None:
    assert judge(WAITING, [pod(conditions=(unschedulable(600),))], WAIT, terminating=True).phase is Phase.WAITING


@pytest.mark.parametrize(
    ("workload", "new"),
    [
        (WAITING, pod(conditions=(unschedulable(9000),))),
        (WAITING, pod(state=waiting("ImagePullBackOff"), age_s=9000)),
        (WAITING, pod(restart_count=30, state=waiting("CrashLoopBackOff"), last_state=died(90))),
        (OVERDUE, pod()),
    ],
)
def test_what_was_wrong_before_the_wait_began_may_just_be_going_away(workload: Workload, new: Pod) -> None:
    just_begun = Wait(NOW - timedelta(seconds=2), NOW)
    assert judge(workload, [new], just_begun).phase is Phase.WAITING


def test_paused_and_forbidden_rollouts_end_the_wait() -> None:
    quota = Condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota")
    assert judge(deployment({"updated_replicas": 0}, paused=True), [], WAIT).reason == "Paused"
    assert judge(deployment({"updated_replicas": 0, "conditions": (quota,)}), [], WAIT).reason == "FailedCreate"


def replicaset(uid: str, revision: str, template: str) -> Workload:
    owner = OwnerReference("Deployment", "llama", "d", controller=True)
    labels = {"pod-template-hash": template}
    return Workload(
        Meta(uid, uid=uid, labels=labels, annotations={REVISION: revision}, owner_references=(owner,)), "ReplicaSet"
    )


def member(uid: str, of: str, template: str) -> Pod:
    owner = OwnerReference("ReplicaSet", of, of, controller=True)
    return Pod(Meta(uid, uid=uid, labels={"pod-template-hash": template}, owner_references=(owner,)))


def test_new_pods_are_those_of_the_present_revision() -> None:
    sets = [replicaset("old", "1", "aaa"), replicaset("new", "2", "bbb")]
    pods = [member("p1", "old", "aaa"), member("p2", "new", "bbb"), member("p3", "other", "bbb")]
    assert [item.metadata.name for item in new_pods(deployment({}), sets, pods)] == ["p2"]
