"""Rollouts that cannot end: proven by the strategy and by who holds the GPUs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cluster_parts import (
    NAMESPACE,
    deployment,
    first_finding,
    node,
    pending,
    ready,
    replicaset,
    world,
)
from tests.unit.diagnosis.rule_cases import deadlocked
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Applicability, Confidence

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
