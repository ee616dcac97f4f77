"""Pods that were evicted, preempted, refused or lost with their node: by whom, why, and whether it still matters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_capacity import ALLOCATE, disrupted, failed, server, unready
from tests.unit.diagnosis.cluster_parts import (
    NAMESPACE,
    ago,
    deployment,
    first_finding,
    log_text,
    node,
    pod,
    ready,
    replicaset,
    running,
    the_replica,
    world,
)
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Severity
from vops.model.objects import Ref
from vops.model.pods import Pod

LOW = (
    "The node was low on resource: {}. Threshold quantity: 100Mi, available: 50Mi. Container vllm was using 40Gi, "
    "request is 16Gi, has larger consumption of {}. "
)
CACHE: dict[str, Any] = {
    "volumes": [{"name": "cache", "emptyDir": {"sizeLimit": "20Gi"}}],
    "container": {"volumeMounts": [{"name": "cache", "mountPath": "/root/.cache/huggingface"}]},
}
OUTGROWN = 'Usage of EmptyDir volume "cache" exceeds the limit "20Gi". '


def causes(facts: Facts) -> list[str]:
    return [item.cause for item in diagnose(facts, the_replica(facts).ref).findings]


@pytest.mark.parametrize(
    ("message", "more", "says", "step"),
    [
        (OUTGROWN, CACHE, "the model's cache in volume cache outgrew its limit of 20Gi", "PersistentVolumeClaim"),
        (OUTGROWN, {}, "its volume cache outgrew its limit of 20Gi", "sizeLimit of cache"),
        (
            'Container vllm exceeded its local ephemeral storage limit "10Gi". ',
            CACHE,
            "more than its 10Gi of ephemeral storage (the model's cache in emptyDir cache counts)",
            "ephemeral-storage",
        ),
        (
            "Pod ephemeral local storage usage exceeds the total limit of containers 10Gi. ",
            {},
            "more than its 10Gi of ephemeral storage",
            "ephemeral-storage",
        ),
        (LOW.format("memory", "memory"), {}, "ran out of memory; vllm used 40Gi and requests 16Gi", "50Gi"),
        (
            LOW.format("ephemeral-storage", "ephemeral-storage"),
            CACHE,
            "the node ran out of ephemeral-storage",
            "the model's cache (emptyDir cache)",
        ),
        ("The node was low on resource: inodes. ", {}, "the node ran out of inodes", "kubectl describe node gpu-1"),
        (
            "Pod was rejected: The node had condition: [DiskPressure]. ",
            {},
            "gpu-1 takes no such pods while it has DiskPressure",
            "kubectl describe node gpu-1",
        ),
    ],
)
def test_each_eviction_says_what_ran_out(message: str, more: dict[str, Any], says: str, step: str) -> None:
    found = first_finding(failed("Evicted", message, **more)())
    assert found.cause == "evicted"
    assert says in found.summary
    assert step in " ".join(found.fixes[0].steps)


def test_the_size_of_the_cache_is_computed_from_the_weights() -> None:
    evicted = pod(
        phase="Failed", pod_status={"reason": "Evicted", "message": OUTGROWN.replace("20Gi", "10Gi")}, **CACHE
    )
    found = first_finding(world(evicted, node(), log=log_text("size-l8-045.log")))
    assert "sizeLimit of cache to 18Gi" in found.fixes[0].steps[1]


@pytest.mark.parametrize(
    ("reason", "message", "cause"),
    [
        ("Terminated", "Pod was terminated in response to imminent node shutdown.", "node-lost"),
        ("NodeShutdown", "Pod was rejected as the node is shutting down.", "node-lost"),
        ("NodeLost", "Node gpu-1 which was running pod llama-1 is unresponsive", "node-lost"),
        ("UnexpectedAdmissionError", ALLOCATE, "device-allocation-failed"),
        (
            "UnexpectedAdmissionError",
            "Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu",
            "device-allocation-failed",
        ),
        ("OutOfnvidia.com/gpu", "Node didn't have enough resource: nvidia.com/gpu", "device-allocation-failed"),
        ("TopologyAffinityError", "Resources cannot be allocated with Topology locality", "device-allocation-failed"),
        ("Preempting", "Preempted in order to admit critical pod", "preempted"),
    ],
)
def test_each_ending_has_its_cause(reason: str, message: str, cause: str) -> None:
    assert causes(failed(reason, message)()) == [cause]


@pytest.mark.parametrize(
    ("reason", "message", "found"),
    [
        ("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod", ["preempted"]),
        ("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", ["node-lost"]),
        ("DeletionByPodGC", "PodGC: node no longer exists", ["node-lost"]),
        ("TerminationByKubelet", "Pod was terminated in response to imminent node shutdown.", ["node-lost"]),
        # a drain, a rollout and a scale-down are what somebody asked for
        ("EvictionByEvictionAPI", "Eviction API: evicting", []),
    ],
)
def test_a_pod_on_its_way_out_tells_who_wanted_it(reason: str, message: str, found: list[str]) -> None:
    assert causes(disrupted(reason, message)()) == found


def test_a_server_on_a_node_that_does_not_answer_is_not_ready() -> None:
    assert causes(world(ready(), node(ready=False))) == ["node-lost"]
    assert causes(unready(ready=False)()) == ["node-lost"]


def test_a_spot_node_is_named_as_such() -> None:
    ended = pod(phase="Failed", pod_status={"reason": "Terminated", "message": "imminent node shutdown"})
    found = first_finding(world(ended, node(labels={"cloud.google.com/gke-spot": "true"})))
    assert "spot node gpu-1 was shut down" in found.summary


def left_over(ended_s: float) -> Pod:
    """A pod that was evicted so many seconds ago, and that another has replaced."""
    ended = {"exitCode": 137, "reason": "Error", "finishedAt": ago(ended_s)}
    status: dict[str, Any] = {"state": {"terminated": ended}}
    evicted = {"reason": "Evicted", "message": OUTGROWN, "phase": "Failed"}
    statuses = [{"name": "vllm", **status}]
    return pod("llama-gone", owner="llama", pod_status=evicted | {"containerStatuses": statuses})


@pytest.mark.parametrize(("ended_s", "severity"), [(600, Severity.WARNING), (9000, Severity.INFO)])
def test_what_others_have_replaced_is_no_alarm(ended_s: float, severity: Severity) -> None:
    facts = world(left_over(ended_s), ready("llama-1", owner="llama"), node(), deployment(), replicaset())
    report = diagnose(facts, Ref("Deployment", "llama", NAMESPACE))
    assert [(item.cause, item.severity) for item in report.findings] == [("evicted", severity)]
    assert report.state == "ready"


def test_failed_pods_that_pile_up_are_counted_and_cleared_together() -> None:
    status = {"reason": "UnexpectedAdmissionError", "message": ALLOCATE}
    several = [pod(f"llama-{n}", owner="llama", phase="Failed", pod_status=status) for n in range(4)]
    found = first_finding(world(*several, node(), server(), replicaset()))
    assert "4 of its pods have failed so" in found.summary
    assert found.fixes[0].steps[0].startswith("kubectl cordon gpu-1")
    assert "--field-selector status.phase=Failed -l pod-template-hash=new" in found.fixes[0].steps[1]


def test_a_container_that_went_down_with_its_node_is_no_fault_of_its_own() -> None:
    died = {"exitCode": 255, "reason": "Unknown", "startedAt": ago(4000), "finishedAt": ago(100)}
    status = running(60, restarts=1, lastState={"terminated": died})
    assert causes(world(pod(status=status), node())) == ["node-lost"]


LOST = {"exitCode": 137, "reason": "ContainerStatusUnknown", "message": "The container could not be located"}


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ({}, ["node-lost"]),
        ({"reason": "Evicted", "message": LOW.format("memory", "memory")}, ["evicted"]),
        ({"reason": "UnexpectedAdmissionError", "message": ALLOCATE}, ["device-allocation-failed"]),
    ],
)
def test_a_container_that_was_not_found_again_does_not_hide_why_the_pod_ended(
    status: dict[str, Any], found: list[str]
) -> None:
    ended = pod(phase="Failed", status={"state": {"terminated": LOST}}, pod_status=status)
    assert causes(world(ended, node())) == found


@pytest.mark.parametrize(
    ("offers", "cause"), [("1", "xid-gpu-lost"), ("2", "device-allocation-failed")], ids=["one-lost", "none-lost"]
)
def test_gpus_called_unhealthy_are_broken_where_the_node_shows_it(offers: str, cause: str) -> None:
    told = "Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu"
    status = {"reason": "UnexpectedAdmissionError", "message": told}
    here = node(gpus=offers, capacity={"nvidia.com/gpu": "2"})
    facts = world(pod(owner="llama", phase="Failed", pod_status=status), here, deployment(), replicaset())
    found = diagnose(facts, facts.replicas[0].ref).findings
    assert found[0].cause == cause
    assert [item.because for item in found[1:]] == ([("gpu-lost-at-admission",)] if offers == "1" else [])
