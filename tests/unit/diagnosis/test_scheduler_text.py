"""The scheduler's words, as Kubernetes 1.28 to 1.36 write them."""

from __future__ import annotations

import pytest

from vops.diagnosis.placement.scheduler_text import Obstacle, scheduler_text

POST = " preemption: 0/6 nodes are available: 6 Preemption is not helpful for scheduling."
MESSAGES = {
    "1.28 taint with its key": (
        "0/6 nodes are available: 6 node(s) had untolerated taint {nvidia.com/gpu: present}." + POST,
        [(Obstacle.TAINT, 6)],
    ),
    "1.36 taint without its key": (
        "0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims to deallocate," + POST,
        [(Obstacle.TAINT, 1)],
    ),
    "before 1.22": (
        "0/2 nodes are available: 1 node(s) had taint {a: b}, that the pod didn't tolerate, 1 Insufficient cpu.",
        [(Obstacle.TAINT, 1), (Obstacle.RESOURCE, 1)],
    ),
    "several": (
        "0/6 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) didn't match Pod's node affinity/selector, "
        "3 node(s) were unschedulable." + POST,
        [(Obstacle.RESOURCE, 1), (Obstacle.SELECTOR, 2), (Obstacle.UNAVAILABLE, 3)],
    ),
    "several resources of one node": (
        "0/1 nodes are available: 1 Insufficient memory, 1 Insufficient nvidia.com/mig-1g.10gb, 1 Too many pods.",
        [(Obstacle.RESOURCE, 1), (Obstacle.RESOURCE, 1), (Obstacle.PODS, 1)],
    ),
    "a node that is not ready": (
        "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.",
        [(Obstacle.UNAVAILABLE, 1)],
    ),
    "inter-pod": (
        "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, "
        "1 node(s) didn't satisfy existing pods anti-affinity rules.",
        [(Obstacle.SPREAD, 1), (Obstacle.POD_AFFINITY, 1)],
    ),
    "volume zone of 1.32": (
        "0/2 nodes are available: 2 node(s) had volume node affinity conflict.",
        [(Obstacle.VOLUME, 2)],
    ),
    "ports": (
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
        [(Obstacle.PORTS, 1)],
    ),
    "words of tomorrow": ("0/3 nodes are available: 3 node(s) felt blue.", [(Obstacle.OTHER, 3)]),
}


@pytest.mark.parametrize("dialect", sorted(MESSAGES))
def test_every_dialect_is_taken_apart(dialect: str) -> None:
    message, expected = MESSAGES[dialect]
    assert [(reason.obstacle, reason.nodes) for reason in scheduler_text(message).reasons] == expected


def test_resources_and_taints_are_named_where_the_text_has_them() -> None:
    said = scheduler_text(
        "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint {a/b: c}."
    )
    assert said.says(Obstacle.RESOURCE, "nvidia.com/gpu")
    assert not said.says(Obstacle.RESOURCE, "cpu")
    taint = said.reasons[1].taint
    assert taint is not None
    assert (taint.key, taint.value) == ("a/b", "c")


@pytest.mark.parametrize(
    ("message", "blocked"),
    [
        (
            '0/1 nodes are available: persistentvolumeclaim "models" not found. not found',
            'persistentvolumeclaim "models"',
        ),
        (
            "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims." + POST,
            "pod has unbound immediate",
        ),
    ],
)
def test_one_thing_may_rule_out_every_node(message: str, blocked: str) -> None:
    said = scheduler_text(message)
    assert said.blocked.startswith(blocked)
    assert said.reasons == ()


def test_gates_and_empty_clusters() -> None:
    assert scheduler_text("waiting for scheduling gates: [kueue]").gates == "[kueue]"
    assert scheduler_text("no nodes available to schedule pods").nodes == 0


@pytest.mark.parametrize("text", ["", "x" * 1_000_000, "0/1 nodes are available: " + "1 node(s) " * 100_000])
def test_any_text_is_read(text: str) -> None:
    assert len(scheduler_text(text).text) <= 8_000
