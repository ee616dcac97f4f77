"""Pods that no scheduler looks at: held back by a gate, or given to a scheduler that does not run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cluster_parts import event, first_finding, node, pending, pod, ready, world
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Confidence, Severity

SCHEDULED = [{"type": "PodScheduled", "status": "True"}]
KUEUE = [{"name": "kueue.x-k8s.io/admission"}]


@pytest.mark.parametrize(
    ("gates", "labels", "words", "step"),
    [
        (KUEUE, {"kueue.x-k8s.io/queue-name": "gpus"}, "of Kueue", "describe localqueue gpus"),
        (KUEUE, {}, "of Kueue", "names no queue"),
        ([{"name": "grove.io/podgang-pending-creation"}], {}, "of Grove", "Grove lifts it"),
        ([{"name": "example.com/budget"}], {}, "example.com/budget", "its controller lifts it"),
    ],
)
def test_who_holds_a_gate(gates: Any, labels: dict[str, str], words: str, step: str) -> None:
    found = first_finding(world(pending(conditions=[], schedulingGates=gates, metadata={"labels": labels}), node()))
    assert (found.cause, found.severity) == ("scheduling-gated", Severity.WARNING)
    assert words in found.summary
    assert step in " ".join(found.fixes[0].steps)


def test_a_gate_is_known_from_the_condition_as_well() -> None:
    says = "waiting for scheduling gates: [kueue.x-k8s.io/admission]"
    assert first_finding(world(pending(says), node())).cause == "scheduling-gated"


def test_schedulers_that_work_are_named() -> None:
    other = pod("other", schedulerName="volcano", conditions=SCHEDULED)
    found = first_finding(world(pending(conditions=[], schedulerName="volcanoo"), other, node()))
    assert (found.cause, found.confidence) == ("no-scheduler", Confidence.STRONG)
    assert "Set spec.schedulerName to volcano" in found.fixes[0].steps[-1]


@pytest.mark.parametrize("reason", ["FailedScheduling", "Scheduled"])
def test_a_scheduler_that_has_spoken_has_looked(reason: str) -> None:
    facts = world(pending(conditions=[]), node(), event(reason, "Failed to schedule pod, no nodepools found"))
    assert "no-scheduler" not in [item.cause for item in diagnose(facts, facts.replicas[0].ref).findings]


def test_of_the_default_scheduler_it_is_less_certain() -> None:
    assert first_finding(world(pending(conditions=[]), node())).confidence is Confidence.PROBABLE


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        (
            "0/3 nodes are available: waiting for minCount pods from a gang to appear in scheduling queue.",
            "scheduling-gated",
        ),
        ("pod group is not ready, 1 Pending, 2 minAvailable; Pending: 1 Undetermined", "scheduling-gated"),
        ("0/3 nodes are available: pre-filter pod llama-1 cannot find enough sibling pods.", "scheduling-gated"),
        (
            "pod group is not ready, 2 Pending, 2 minAvailable; Pending: 2 Unschedulable. Origin reason is llama-1: "
            "0/1 nodes are unavailable: 1 Insufficient nvidia.com/gpu.",
            "gpu-exhausted",
        ),
    ],
)
def test_a_gang_waits_for_its_pods_or_for_room(says: str, cause: str) -> None:
    facts = world(pending(says, schedulerName="volcano"), node(), ready("other"))
    found = diagnose(facts, facts.replicas[0].ref).findings
    assert cause in [item.cause for item in found]
    assert ("scheduling-gated" in [item.cause for item in found]) is (cause == "scheduling-gated")
