"""Pods that no node tolerates: exactly the tolerations that are missing, and none that may never be given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cluster_parts import (
    GPU,
    TAINT,
    deployment,
    first_finding,
    first_fix,
    node,
    pending,
    ready,
    replicaset,
    world,
)
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Applicability, Confidence

DEDICATED = {"key": "dedicated", "value": "training", "effect": "NoSchedule"}
OWNED = (deployment(), replicaset())


def tolerations(*nodes: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = first_fix(world(pending(owner="llama"), *nodes, *OWNED)).params["tolerations"]
    return found


def test_the_toleration_is_that_of_the_taint() -> None:
    assert tolerations(node(taints=[TAINT])) == [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]


def test_a_taint_with_a_meaning_is_tolerated_with_its_value_only() -> None:
    assert tolerations(node(taints=[DEDICATED])) == [
        {"key": "dedicated", "operator": "Equal", "value": "training", "effect": "NoSchedule"}
    ]


def test_every_taint_of_the_nearest_node_is_tolerated_and_none_of_the_others() -> None:
    nodes = (node("a", taints=[TAINT, DEDICATED]), node("b", taints=[TAINT]))
    assert [item["key"] for item in tolerations(*nodes)] == [GPU]
    assert [item["key"] for item in tolerations(nodes[0])] == [GPU, "dedicated"]


def test_a_node_that_is_about_to_go_is_not_the_way_out() -> None:
    spot = TAINT | {"key": "cloud.google.com/gke-spot", "value": "true"}
    fix = first_fix(world(pending(owner="llama"), node(taints=[spot]), *OWNED))
    assert (fix.applicability, fix.runbook) == (Applicability.MANUAL, "")
    assert [item["key"] for item in tolerations(node("a", taints=[spot]), node("b", taints=[TAINT]))] == [GPU]


def test_two_obstacles_of_the_best_node_are_both_told() -> None:
    facts = world(pending(), node(taints=[TAINT]), ready("other"))
    report = diagnose(facts, facts.replicas[0].ref)
    assert [finding.cause for finding in report.findings] == ["untolerated-taint", "gpu-exhausted"]


@pytest.mark.parametrize(
    ("says", "confidence"),
    [
        ("0/1 nodes are available: 1 node(s) had untolerated taint(s).", Confidence.CERTAIN),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {nvidia.com/gpu: present}.", Confidence.CERTAIN),
        ("", Confidence.STRONG),
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", Confidence.PROBABLE),
    ],
)
def test_the_scheduler_corroborates_or_lowers_the_confidence(says: str, confidence: Confidence) -> None:
    finding = first_finding(world(pending(says, owner="llama"), node(taints=[TAINT]), *OWNED))
    assert (finding.cause, finding.confidence) == ("untolerated-taint", confidence)
    safe = confidence is not Confidence.PROBABLE
    assert finding.fixes[0].applicability is (Applicability.SAFE if safe else Applicability.ASK)


def test_a_bare_pod_gets_steps_instead_of_a_runbook() -> None:
    fix = first_fix(world(pending(), node(taints=[TAINT])))
    assert (fix.applicability, fix.runbook, fix.params) == (Applicability.MANUAL, "", {})
    assert '"key":"nvidia.com/gpu"' in " ".join(fix.steps)
