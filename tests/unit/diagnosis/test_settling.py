"""Pods that wait for what ends by itself are no fault: nothing is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.diagnosis.cases_scheduling import MODELS, anti_affinity, claim, host, labelled, storage_class
from tests.unit.diagnosis.cluster_parts import NOW, ago, node, pending, ready, world
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.model.pods import Pod
from vops.model.resources import Node

SHORT = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
TAINTED = "0/1 nodes are available: 1 node(s) had untolerated taint(s)."
UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."


def aged(node: Node, age_s: float) -> Node:
    meta = type(node.metadata)(
        name=node.metadata.name, labels=node.metadata.labels, creation_timestamp=NOW.fromisoformat(ago(age_s))
    )
    return Node(metadata=meta, spec=node.spec, status=node.status)


def leaving(name: str = "old", *, in_s: float = 20, **more: Any) -> Pod:
    """A pod that was asked to end, and has so many seconds left."""
    return ready(name, metadata={"deletionTimestamp": ago(-in_s), "labels": {"app": "llama"}}, **more)


SETTLING: dict[str, Callable[[], Facts]] = {
    "the GPU of a pod that is ending": lambda: world(pending(SHORT), node(), leaving()),
    "its place, by anti-affinity": lambda: world(
        pending("0/1 nodes are available: 1 x", affinity=anti_affinity()), host(gpus=2), leaving()
    ),
    "a preemption": lambda: world(pending(SHORT, pod_status={"nominatedNodeName": "gpu-1"}), node(), ready("o")),
    "the victims of a preemption": lambda: world(
        pending(f"{SHORT} preemption: not eligible due to a terminating pod on the nominated node."), node(), ready("o")
    ),
    "a node that comes up": lambda: world(pending(TAINTED), aged(node(ready=False), 90)),
    "a node whose device plugin starts": lambda: world(pending(SHORT), aged(node(gpus=0), 90)),
    "a volume that is being made": lambda: world(
        pending(UNBOUND, volumes=[MODELS]), node(), claim(phase="Pending", volume="", age_s=20), storage_class()
    ),
}
STUCK: dict[str, tuple[Callable[[], Facts], str]] = {
    "a pod that should have ended long ago": (
        lambda: world(pending(SHORT), node(), leaving(in_s=-600)),
        "gpu-exhausted",
    ),
    "too little, even when it is gone": (
        lambda: world(pending(SHORT, gpus=2), node(gpus=2), leaving(), ready("stays")),
        "gpu-exhausted",
    ),
    "another pod in the way": (
        lambda: world(pending(affinity=anti_affinity()), host(gpus=3), leaving(), labelled("stays")),
        "spread-or-affinity",
    ),
    "a node that is not ready for long": (
        lambda: world(pending(TAINTED), aged(node(ready=False), 3600)),
        "node-unavailable",
    ),
    "a new node that is cordoned": (lambda: world(pending(), aged(node(cordoned=True), 90)), "node-unavailable"),
    "a node without its device plugin for long": (
        lambda: world(pending(SHORT), aged(node(gpus=0), 3600)),
        "gpu-not-advertised",
    ),
    "a volume that is not made for long": (
        lambda: world(pending(UNBOUND, volumes=[MODELS]), node(), claim(phase="Pending", volume=""), storage_class()),
        "pvc-unbound",
    ),
}


@pytest.mark.parametrize("what", sorted(SETTLING))
def test_what_settles_by_itself_is_not_reported(what: str) -> None:
    facts = SETTLING[what]()
    assert facts.replicas[0].settles
    assert diagnose(facts, facts.replicas[0].ref).findings == ()


@pytest.mark.parametrize("what", sorted(STUCK))
def test_what_does_not_settle_is(what: str) -> None:
    facts, cause = STUCK[what][0](), STUCK[what][1]
    assert not facts.replicas[0].settles
    assert cause in [finding.cause for finding in diagnose(facts, facts.replicas[0].ref).findings]
