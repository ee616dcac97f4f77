"""The scheduler's decisions and its exact words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.simulation import create, events, llama, pod, pods, run, world_with
from vops.lab.controllers.base import condition
from vops.lab.controllers.placement import refusal, unschedulable_message
from vops.lab.documents import Document, copy_of
from vops.lab.engine.gpus import L4
from vops.lab.manifests import node

_DRA = "no new claims to deallocate, preemption: "


def _pod(gpus: int = 1, **spec: Any) -> Document:
    container = {"name": "vllm", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}, "requests": {"cpu": "4"}}}
    return {"spec": {"containers": [container], **spec}}


_TOLERANT: dict[str, Any] = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}
_AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}]
        }
    }
}


@pytest.mark.parametrize(
    ("pod_", "used", "reason", "hopeless"),
    [
        (_pod(), {}, "node(s) had untolerated taint(s)", True),
        (_pod(**_TOLERANT, nodeSelector={"zone": "b"}), {}, "node(s) didn't match Pod's node affinity/selector", True),
        (_pod(**_TOLERANT, affinity=_AFFINITY), {}, "node(s) didn't match Pod's node affinity/selector", True),
        (_pod(2, **_TOLERANT), {"nvidia.com/gpu": 1}, "Insufficient nvidia.com/gpu", False),
        (_pod(3, **_TOLERANT), {}, "Insufficient nvidia.com/gpu", True),
        (_pod(**_TOLERANT), {"cpu": 6000}, "Insufficient cpu", False),
        (_pod(**_TOLERANT), {"pods": 110}, "Too many pods", False),
    ],
)
def test_a_node_gives_its_first_reason(pod_: Document, used: dict[str, int], reason: str, hopeless: bool) -> None:
    found = refusal(pod_, node("n", gpu=L4, gpus=2), used)
    assert found is not None
    assert (found.reasons, found.hopeless) == ((reason,), hopeless)


def test_a_cordoned_node_says_so_before_anything_else() -> None:
    cordoned = node("n", gpu=L4, gpus=2)
    cordoned["spec"]["unschedulable"] = True
    found = refusal(_pod(**_TOLERANT), cordoned, {})
    assert found is not None
    assert found.reasons == ("node(s) were unschedulable",)


@pytest.mark.parametrize(
    "toleration",
    [
        {"operator": "Exists"},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "nvidia.com/gpu", "value": "present"},
    ],
)
def test_a_tolerated_taint_does_not_keep_a_pod_away(toleration: Document) -> None:
    assert refusal(_pod(tolerations=[toleration]), node("n", gpu=L4, gpus=2), {}) is None


def test_the_message_counts_reasons_and_tells_what_preemption_could_do() -> None:
    busy, tainted = node("a", gpu=L4, gpus=1, taints=()), node("b", gpu=L4, gpus=1)
    refusals = [refusal(_pod(), busy, {"nvidia.com/gpu": 1}), refusal(_pod(), tainted, {})]
    assert unschedulable_message([found for found in refusals if found]) == (
        "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint(s). "
        f"{_DRA}0/2 nodes are available: 1 No preemption victims found for incoming pod, "
        "1 Preemption is not helpful for scheduling."
    )


def test_a_pending_pod_tells_why_in_its_condition_and_in_an_event() -> None:
    world = world_with(gpus=1)
    create(world, llama(gpus=2))
    run(world, 1)
    expected = (
        "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. "
        f"{_DRA}0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
    scheduled = condition(pod(world), "PodScheduled")
    assert scheduled is not None
    assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
    assert scheduled["message"] == expected
    assert [event["message"] for event in events(world, "FailedScheduling")] == [expected]


def test_a_pod_that_stays_pending_is_tried_again_and_its_event_becomes_a_series() -> None:
    world = world_with(gpus=1)
    create(world, llama(gpus=2))
    run(world, 16 * 60)
    assert [event.get("series", {}).get("count") for event in events(world, "FailedScheduling")] == [None, 3]


def test_a_pending_pod_is_placed_when_a_card_comes_free() -> None:
    world = world_with(gpus=1)
    create(world, llama(replicas=2))
    run(world, 90)
    first, second = sorted(pods(world), key=lambda item: not item["spec"].get("nodeName"))
    assert "nodeName" not in second["spec"]
    changed = copy_of(world.store.get("v1", "Node", "", "gpu-1"))
    changed["status"]["capacity"]["nvidia.com/gpu"] = changed["status"]["allocatable"]["nvidia.com/gpu"] = "2"
    world.store.update_status(changed)
    run(world, 12)
    assert world.store.get("v1", "Pod", "inference", second["metadata"]["name"])["spec"]["nodeName"] == "gpu-1"
    assert first["spec"]["nodeName"] == "gpu-1"
