"""The shipped fixes: what each changes, and that none of them starts a rollout that cannot end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.runbooks.runbook_world import (
    Document,
    deployment,
    node,
    planned_fix,
    pod,
    replicaset,
    statefulset,
    world,
)
from vops.errors import Refused, UsageError
from vops.library import read_runbook_file, runbooks
from vops.planning.changes import Verb
from vops.planning.diff import unified
from vops.planning.plan import Decision, Plan
from vops.runbooks.planner import World
from vops.runbooks.script import load_script

FIRST = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
PROBE = {"container": "vllm", "period_seconds": 10, "failure_threshold": 90, "progress_deadline_seconds": 1080}
KV = {"container": "vllm", "max_model_len": 4096}


def spec_after(plan: Plan, document: Document) -> Document:
    for change in plan.changes:
        if change.verb is Verb.PATCH:
            document = change.applied_to(document)
    found: Document = document["spec"]
    return found


def container(spec: Document) -> Document:
    found: Document = spec["template"]["spec"]["containers"][0]
    return found


def test_a_taint_is_tolerated_without_another_strategy_when_gpus_are_free() -> None:
    target = deployment(replicas=2)
    here = world(target, node("a", taint="nvidia.com/gpu"), node("b", taint="nvidia.com/gpu"), pod(target, "llama-1"))
    plan = planned_fix("fix-untolerated-taint", here, tolerations=[TOLERATION])
    spec = spec_after(plan, target)
    assert spec["template"]["spec"]["tolerations"] == [TOLERATION]
    assert spec["strategy"] == target["spec"]["strategy"]
    assert "nothing is lost" in " ".join(plan.notes)


def deadlocked(free: int = 0) -> World:
    """One old pod serves on the only GPU, its successor waits for it; `free` more GPUs are on another node."""
    target = deployment()
    target["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2"
    old = pod(target, "llama-old", node="a", ready=True)
    new = pod(target, "llama-new", template="bbb")
    return world(target, replicaset(target, template="bbb", revision="2"), node("a"), node("b", gpus=free), old, new)


def test_the_deadlocked_rollout_may_stop_an_old_pod_first_and_the_outage_is_said() -> None:
    here = deadlocked()
    plan = planned_fix("fix-rollout-deadlock", here)
    (target,) = here.documents.values()
    assert spec_after(plan, target) == target["spec"] | {"strategy": FIRST}
    assert plan.notes == (
        "Lets the rollout under way go on; meanwhile 0 of 1 serve; the last start took 140 s. "
        "That is an outage until a new one is ready.",
    )


def test_a_rollout_that_can_end_is_said_to_need_no_fix() -> None:
    assert "could end with the present strategy too" in " ".join(
        planned_fix("fix-rollout-deadlock", deadlocked(1)).notes
    )


@pytest.mark.parametrize(("free", "strategy"), [(0, FIRST), (1, deployment()["spec"]["strategy"])])
def test_a_template_change_brings_a_strategy_that_can_end(free: int, strategy: Any) -> None:
    target = deployment()
    here = world(target, node("a", gpus=1 + free), pod(target, "llama-old", node="a"))
    plan = planned_fix("fix-kv-cache", here, **KV)
    spec = spec_after(plan, target)
    assert (container(spec)["args"][-1], spec["strategy"]) == ("4096", strategy)
    assert ("could never end" in " ".join(plan.notes)) == (not free)


def test_the_startup_probe_gets_the_budget_and_liveness_is_put_right() -> None:
    liveness = {"httpGet": {"path": "/health", "port": 8000}, "initialDelaySeconds": 60, "timeoutSeconds": 1}
    target = deployment(livenessProbe=liveness)
    plan = planned_fix("fix-startup-probe", world(target, node("a"), pod(target, "llama-x", node="a")), **PROBE)
    spec = spec_after(plan, target)
    assert container(spec)["startupProbe"] == {
        "httpGet": {"path": "/health", "port": 8000, "scheme": "HTTP"},
        "periodSeconds": 10,
        "failureThreshold": 90,
        "timeoutSeconds": 5,
        "successThreshold": 1,
    }
    assert container(spec)["livenessProbe"] == {
        "httpGet": {"path": "/health", "port": 8000},
        "timeoutSeconds": 5,
        "failureThreshold": 3,
    }
    assert container(spec)["env"] == [{"name": "VLLM_ENGINE_READY_TIMEOUT_S", "value": "900"}]
    assert spec["progressDeadlineSeconds"] == 1080


def test_a_short_budget_leaves_the_engines_own_timeout_and_a_longer_deadline_alone() -> None:
    target = deployment()
    target["spec"]["progressDeadlineSeconds"] = 3600
    given = {**PROBE, "failure_threshold": 30, "progress_deadline_seconds": 420}
    spec = spec_after(planned_fix("fix-startup-probe", world(target, node("a")), **given), target)
    assert "env" not in container(spec)
    assert spec["progressDeadlineSeconds"] == 3600


def test_a_deadline_within_the_startup_budget_is_refused() -> None:
    with pytest.raises(Refused, match="has to be more than"):
        planned_fix("fix-startup-probe", world(deployment()), **PROBE | {"progress_deadline_seconds": 900})


GATED = {"container": "vllm", "model": "meta-llama/Llama-3-8B"}


def test_a_mirror_keeps_the_name_that_clients_use() -> None:
    target = deployment()
    plan = planned_fix("fix-gated-model", world(target, node("a")), **GATED, mirror="open/Llama-3-8B")
    args = ["--model", "open/Llama-3-8B", "--max-model-len", "8192", "--served-model-name", "meta-llama/Llama-3-8B"]
    assert container(spec_after(plan, target))["args"] == args


def test_a_served_name_that_is_there_stays() -> None:
    target = deployment(args=["--model", "meta-llama/Llama-3-8B", "--served-model-name", "llama"])
    plan = planned_fix("fix-gated-model", world(target, node("a")), **GATED, mirror="open/x")
    expected = ["--model", "open/x", "--served-model-name", "llama"]
    assert container(spec_after(plan, target))["args"] == expected


def test_a_token_is_a_reference_to_a_secret() -> None:
    target = deployment(env=[{"name": "HF_TOKEN", "value": "hf_old_secret"}])
    plan = planned_fix("fix-gated-model", world(target, node("a")), **GATED, token_secret="hf/TOKEN")
    reference = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "TOKEN"}}}
    assert container(spec_after(plan, target))["env"] == [reference]
    assert "hf_old_secret" not in unified(plan.changes[0]) + plan.to_json().decode()
    assert "undo does not bring back" in " ".join(plan.notes)


def test_without_a_choice_a_person_is_told_the_choices() -> None:
    plan = planned_fix("fix-gated-model", world(deployment(), node("a")), **GATED)
    (instruction,) = plan.instructions
    assert not plan.changes
    for choice in ("https://huggingface.co/meta-llama/Llama-3-8B", "-p token_secret=", "-p mirror="):
        assert choice in instruction.says[0]


@pytest.mark.parametrize(
    ("name", "given"),
    [("fix-untolerated-taint", {"tolerations": [TOLERATION]}), ("fix-startup-probe", PROBE), ("fix-kv-cache", KV)],
)
def test_an_ordered_statefulset_gets_its_broken_pods_replaced(name: str, given: Any) -> None:
    target = statefulset()
    here = world(target, node("a"), node("b"), pod(target, "llama-0", node="a", ready=True), pod(target, "llama-1"))
    plan = planned_fix(name, here, **given)
    assert [(change.verb, change.target.name) for change in plan.changes] == [
        (Verb.PATCH, "llama"),
        (Verb.DELETE, "llama-1"),
    ]
    assert "progressDeadlineSeconds" not in spec_after(plan, target)


@pytest.mark.parametrize(
    ("name", "given"),
    [("fix-untolerated-taint", {"tolerations": [TOLERATION]}), ("fix-startup-probe", PROBE), ("fix-kv-cache", KV)],
)
def test_a_fix_planned_again_once_applied_changes_nothing(name: str, given: Any) -> None:
    target = deployment(livenessProbe={"initialDelaySeconds": 5})
    first = planned_fix(name, world(target, node("a")), **given)
    fixed = {**target, "spec": spec_after(first, target)}
    again = planned_fix(name, world(fixed, node("a")), **given)
    assert again.nothing_to_do
    assert [step.decision for step in again.steps if step.kind == "k8s.patch"] == [Decision.DONE]


def test_only_the_parameters_of_a_runbook_are_taken() -> None:
    with pytest.raises(UsageError, match="unknown parameter: tp"):
        planned_fix("fix-kv-cache", world(deployment()), **KV, tp=2)


def test_every_shipped_runbook_loads_and_is_named_after_its_file() -> None:
    for name in runbooks({}):
        assert load_script(*read_runbook_file(name, {})).runbook.id == name
