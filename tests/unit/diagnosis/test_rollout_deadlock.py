"""Rollouts that cannot end: proven by the strategy and by who holds the GPUs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cases_scheduling import anti_affinity, host
from tests.unit.diagnosis.cluster_parts import (
    HEALTH,
    NAMESPACE,
    crashed,
    deployment,
    first_finding,
    node,
    pending,
    pod,
    ready,
    replicaset,
    running,
    world,
)
from tests.unit.diagnosis.rule_cases import deadlocked
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Applicability, Confidence, Finding, Severity
from vops.model.resources import Workload

OWNED = (deployment(), replicaset())


def test_the_deadlock_explains_that_the_gpus_are_taken() -> None:
    facts = deadlocked()()
    root, consequence = diagnose(facts, facts.replicas[0].ref).findings
    assert (root.cause, root.confidence, root.because) == ("rollout-deadlock", Confidence.CERTAIN, ())
    assert (consequence.cause, consequence.because) == ("gpu-exhausted", ("rollout-deadlock",))
    assert "llama-old" in root.summary
    assert root.fixes[0].params == {"namespace": NAMESPACE, "target": "deployment/llama"}
    assert root.fixes[0].applicability is Applicability.ASK


@pytest.mark.parametrize(
    ("strategy", "replicas", "cause"),
    [
        (None, 1, "rollout-deadlock"),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "99%", "maxSurge": 1}}, 1, "rollout-deadlock"),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}}, 9, "rollout-deadlock"),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}}, 4, "gpu-exhausted"),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}, 1, "gpu-exhausted"),
        ({"type": "Recreate"}, 1, "gpu-exhausted"),
    ],
)
def test_only_a_strategy_that_may_stop_no_old_pod_deadlocks(strategy: Any, replicas: int, cause: str) -> None:
    facts = world(
        pending(owner="llama", name="llama-new"),
        ready("llama-old", owner="llama", revision="old", age_s=9000),
        node(),
        deployment(strategy=strategy, replicas=replicas),
        replicaset(),
        replicaset(revision="old"),
    )
    assert first_finding(facts).cause == cause


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(ready("stranger", owner="mistral"), id="another workload's pod"),
        pytest.param(ready("llama-2", owner="llama"), id="a pod of the same template"),
        pytest.param(
            ready("llama-old", owner="llama", revision="old", metadata={"deletionTimestamp": "2026-11-24T02:59:00Z"}),
            id="an old pod on its way out",
        ),
    ],
)
def test_other_holders_are_no_deadlock(other: Any) -> None:
    facts = world(pending(owner="llama"), other, node(), *OWNED, replicaset(revision="old"))
    assert first_finding(facts).cause == "gpu-exhausted"


def test_a_free_slot_elsewhere_is_no_deadlock() -> None:
    facts = world(
        pending(owner="llama", name="llama-new"),
        ready("llama-old", owner="llama", revision="old", age_s=9000),
        node(),
        node("gpu-2"),
        *OWNED,
    )
    assert "rollout-deadlock" not in [item.cause for item in diagnose(facts, facts.replicas[0].ref).findings]


LABELS = {"app": "llama", "pod-template-hash": "old"}
OLD_OWNER = [{"kind": "ReplicaSet", "name": "llama-old", "uid": "llama-old", "controller": True}]
PORT = {"name": "vllm", "ports": [{"hostPort": 8000}]}


def surged(node: Any, new: dict[str, Any], old: dict[str, Any]) -> Any:
    """A new pod beside its old one on a node, in a rolling update that may stop none."""
    return world(
        pending(owner="llama", name="llama-new", **new),
        ready("llama-old", age_s=9000, metadata={"labels": LABELS, "ownerReferences": OLD_OWNER}, **old),
        node,
        *OWNED,
        replicaset(revision="old"),
    )


@pytest.mark.parametrize(
    ("new", "old", "consequence"),
    [
        pytest.param({"affinity": anti_affinity()}, {}, "spread-or-affinity", id="a node of its own"),
        pytest.param({"container": PORT}, {"container": PORT}, "spread-or-affinity", id="a host port"),
        pytest.param(
            {"requests": {"memory": "40Gi"}}, {"requests": {"memory": "40Gi"}}, "cpu-memory-short", id="memory"
        ),
    ],
)
def test_whatever_the_old_pod_holds_deadlocks(new: dict[str, Any], old: dict[str, Any], consequence: str) -> None:
    facts = surged(host(gpus=2), new, old)
    root, following = diagnose(facts, facts.replicas[0].ref).findings
    assert (root.cause, following.cause) == ("rollout-deadlock", consequence)
    assert following.because == ("rollout-deadlock",)


def test_an_old_pod_that_holds_too_little_is_not_the_reason() -> None:
    facts = surged(host(gpus=2), {"requests": {"memory": "70Gi"}}, {"requests": {"memory": "1Gi"}})
    assert first_finding(facts).cause == "cpu-memory-short"


def late(*replicas: Any, deadline: int | None = None, probe: Any = None, also: Any = None) -> tuple[Finding, ...]:
    """What is found of a Deployment that is past its deadline."""
    spec: dict[str, Any] = {"name": "llama", "namespace": NAMESPACE, "uid": "llama"}
    containers = [{"name": "vllm", "command": ["vllm", "serve", "m"], **({"startupProbe": probe} if probe else {})}]
    late = {
        "kind": "Deployment",
        "metadata": spec,
        "spec": {
            "template": {"spec": {"containers": containers}},
            **({"progressDeadlineSeconds": deadline} if deadline else {}),
        },
        "status": {
            "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
                *([also] if also else []),
            ]
        },
    }
    facts = world(*replicas, node(), msgspec.convert(late, Workload), replicaset())
    return diagnose(facts, facts.workloads[0].ref).findings


def test_a_deadline_that_passed_while_loading_is_a_warning_with_a_longer_one() -> None:
    loading = pod(owner="llama", status=running(700))
    (finding,) = late(loading, probe=HEALTH | {"periodSeconds": 10, "failureThreshold": 180})
    assert (finding.cause, finding.severity) == ("progress-deadline", Severity.WARNING)
    assert "no reason to roll back" in finding.summary
    assert (finding.fixes[0].runbook, finding.fixes[0].params["seconds"]) == ("fix-progress-deadline", 2520)


def test_a_deadline_is_no_reason_where_pods_are_refused() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no"}
    assert "progress-deadline" not in [item.cause for item in late(also=refused)]


def test_a_deadline_that_is_long_enough_points_at_the_pods() -> None:
    (finding,) = late(deadline=9000)
    assert "vops diagnose" in finding.fixes[0].steps[0]


def test_a_deadline_that_passed_does_not_matter_once_all_are_ready() -> None:
    assert late(ready(owner="llama")) == ()


@pytest.mark.parametrize("stuck", [pending(owner="llama"), pod(owner="llama", status=crashed())])
def test_a_deadline_is_not_the_cause_where_a_pod_fails(stuck: Any) -> None:
    assert "progress-deadline" not in [item.cause for item in late(stuck)]
