"""Which runbook a finding offers, with what values, and how freely it may be applied."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.diagnosis.cases_logs import TRACE, alone
from tests.unit.diagnosis.cluster_parts import (
    NAMESPACE,
    TAINT,
    crashed,
    deployment,
    first_finding,
    node,
    pending,
    pod,
    replicaset,
    waiting,
    world,
)
from tests.unit.diagnosis.rule_cases import FIRES
from tests.unit.diagnosis.test_rules import findings
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Applicability, Fix

OWNED = (deployment(), replicaset())
TARGET = {"namespace": NAMESPACE, "target": "deployment/llama"}
NO_GPU = "RuntimeError: Failed to infer device type"
NIXL = "RuntimeError: NIXL transfer failure: handshake_failed"
HALF_FREE = "ValueError: Free memory on device (48.15/79.18 GiB) on startup is less than desired GPU memory utilization"


def died(error: str, *nodes: Any, **more: Any) -> Facts:
    text = f'Traceback (most recent call last):\n  File "x.py", line 1, in f\n{error}\n'
    return world(pod(status=crashed(), owner="llama", **more), *(nodes or (node(),)), *OWNED, log=text)


def offered(facts: Facts) -> Fix:
    """The first fix of the root cause that vops can carry out."""
    return next(fix for fix in first_finding(facts).fixes if fix.runbook)


def test_a_container_without_a_gpu_is_given_as_many_as_it_splits_over_and_what_gpu_nodes_want_tolerated() -> None:
    container = {"command": ["vllm", "serve", "m", "--tensor-parallel-size", "2"]}
    fix = offered(died(NO_GPU, node(gpus=2, taints=[TAINT]), gpus=0, container=container))
    tolerated = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert (fix.runbook, fix.applicability) == ("fix-gpu-count", Applicability.ASK)
    assert fix.params == {**TARGET, "container": "vllm", "gpus": 2, "tolerations": tolerated}


def test_a_container_that_asks_for_a_gpu_and_sees_none_is_for_the_node() -> None:
    assert not any(fix.runbook for fix in first_finding(died(NO_GPU)).fixes)


@pytest.mark.parametrize(
    ("env", "runbook"),
    [
        ([], "fix-nixl-host"),
        ([{"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "value": "localhost"}], "fix-nixl-host"),
        ([{"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "value": "10.0.0.7"}], ""),
        (
            [
                {
                    "name": "VLLM_NIXL_SIDE_CHANNEL_HOST",
                    "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}},
                }
            ],
            "",
        ),
    ],
)
def test_the_side_channel_gets_the_pods_address_where_it_has_none(env: list[Any], runbook: str) -> None:
    fix = first_finding(died(NIXL, container={"env": env})).fixes[0]
    assert fix.runbook == runbook
    assert fix.applicability is (Applicability.SAFE if runbook else Applicability.MANUAL)


def test_a_version_that_differs_is_not_mended_by_an_address() -> None:
    assert (
        not first_finding(died("RuntimeError: NIXL compatibility hash mismatch. Local: a Remote: b")).fixes[0].runbook
    )


def test_a_neighbour_that_is_meant_to_stay_leaves_a_share() -> None:
    first, second = first_finding(died(HALF_FREE)).fixes
    assert (first.applicability, second.applicability) == (Applicability.MANUAL, Applicability.ASK)
    assert (second.runbook, second.params["gpu_memory_utilization"]) == ("fix-cuda-oom", 0.58)


def test_a_broken_gpu_takes_its_node_out_of_use() -> None:
    fix = offered(died("RuntimeError: CUDA error: uncorrectable ECC error encountered"))
    assert (fix.runbook, fix.applicability) == ("drain-node", Applicability.ASK)
    assert fix.params == {"namespace": NAMESPACE, "node": "node/gpu-1"}


def test_a_log_alone_names_no_node_to_drain() -> None:
    fix = first_finding(alone(f"{TRACE}RuntimeError: CUDA error: uncorrectable ECC error encountered\n")()).fixes[0]
    assert not fix.runbook
    assert "kubectl cordon NODE" in fix.steps[0]


def test_requests_are_lowered_to_what_is_free() -> None:
    facts = world(pending(owner="llama", requests={"memory": "80Gi", "cpu": "20"}), node(), *OWNED)
    fix = offered(facts)
    assert (fix.runbook, fix.applicability) == ("fix-requests", Applicability.ASK)
    assert fix.params == {**TARGET, "container": "vllm", "memory": f"{64 << 10}Mi", "cpu": "16000m"}


def test_requests_are_not_lowered_to_a_fraction() -> None:
    facts = world(pending(owner="llama", requests={"memory": "640Gi"}), node(), *OWNED)
    assert not any(fix.runbook for fix in first_finding(facts).fixes)


@pytest.mark.parametrize(
    ("nodes", "runbook"),
    [
        ((node(labels={"kubernetes.io/arch": "arm64"}),), "fix-image"),
        (
            (
                node(labels={"kubernetes.io/arch": "arm64"}),
                node("gpu-2", labels={"kubernetes.io/arch": "amd64"}),
            ),
            "fix-node-selector",
        ),
    ],
)
def test_an_image_of_another_architecture_goes_where_that_is(nodes: tuple[Any, ...], runbook: str) -> None:
    told = "no match for platform in manifest: not found"
    status = waiting("ImagePullBackOff", f'Back-off pulling image "vllm/vllm-openai:v0.25.1": ErrImagePull: {told}')
    fix = offered(world(pod(status=status, phase="Pending", owner="llama"), *nodes, *OWNED))
    assert (fix.runbook, fix.applicability) == (runbook, Applicability.ASK)
    assert fix.params.get("selector", {"kubernetes.io/arch": "amd64"}) == {"kubernetes.io/arch": "amd64"}


OFFERED: dict[str, tuple[str, Applicability, dict[str, Any]]] = {
    "clean-failed-pods": ("device-allocation-failed", Applicability.ASK, {}),
    "drain-node": ("gpu-lost-at-admission", Applicability.ASK, {"node": "node/gpu-1"}),
    "restart-replica": ("engine-dead-by-health", Applicability.ASK, {"pod": "llama-1"}),
    "fix-batch-size": ("kv-thrash", Applicability.ASK, {"container": "vllm", "max_num_seqs": 36}),
    "fix-priority-class": ("priority-class-quota", Applicability.ASK, {}),
    "fix-image": ("image-rate-limit", Applicability.ASK, {"container": "vllm"}),
    "fix-host-oom": ("node-oom", Applicability.ASK, {"container": "vllm", "memory": "33Gi"}),
}


@pytest.mark.parametrize("runbook", sorted(OFFERED))
def test_what_may_be_changed_is_offered_as_a_runbook(runbook: str) -> None:
    rule, applicability, params = OFFERED[runbook]
    fix = next(fix for fix in findings(owned(FIRES[rule]()), rule)[0].fixes if fix.runbook)
    assert (fix.runbook, fix.applicability) == (runbook, applicability)
    assert fix.params.items() >= params.items()


@pytest.mark.parametrize("rule", ["engine-wedged", "engine-dead-running"])
def test_a_server_that_does_nothing_is_restarted(rule: str) -> None:
    fix = findings(owned(FIRES[rule]()), rule)[0].fixes[0]
    assert (fix.runbook, fix.params["pod"]) == ("restart-replica", "llama-1")


def test_a_full_batch_grows_while_the_cache_has_room() -> None:
    fix = findings(owned(FIRES["queue-saturated"]()), "queue-saturated")[0].fixes[0]
    assert (fix.runbook, fix.params["max_num_seqs"]) == ("fix-batch-size", 576)


def test_an_evicted_server_requests_the_memory_that_it_uses() -> None:
    told = "The node was low on resource: memory. Container vllm was using 20Gi, request is 0, has larger consumption."
    facts = world(pod(phase="Failed", owner="llama", pod_status={"reason": "Evicted", "message": told}), node(), *OWNED)
    fix = offered(facts)
    assert (fix.runbook, fix.applicability) == ("fix-host-oom", Applicability.ASK)
    assert fix.params == {**TARGET, "container": "vllm", "memory": "25Gi"}


def owned(facts: Facts) -> Facts:
    """The same, every pod of it without a controller being one of the Deployment llama."""
    by = pod(owner="llama").metadata
    snapshot = facts.snapshot
    pods = tuple(
        item
        if item.metadata.owner_references
        else replace(item, metadata=replace(item.metadata, owner_references=by.owner_references, labels=by.labels))
        for item in snapshot.pods
    )
    own = {
        "deployments": snapshot.deployments or (deployment(),),
        "replicasets": snapshot.replicasets or (replicaset(),),
    }
    return Facts(replace(snapshot, pods=pods, **own))
