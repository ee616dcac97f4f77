"""The five failures end to end on the lab: diagnosed, planned without a write, applied, verified by observing again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, deployment, driven, session_on, watched
from vops.diagnosis.findings import Applicability
from vops.errors import ApprovalNeeded, NotVerified, UsageError
from vops.lab.manifests import token_secret
from vops.lab.world import Lab
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.resources import PODS
from vops.operations.fix import FixPlan, plan_fix
from vops.operations.running.journal import read_journal
from vops.operations.running.run import RunResult, plan_run, run_plan
from vops.operations.running.runs import Ending
from vops.operations.session import Session
from vops.planning.plan import Plan

MIRROR = {"mirror": "NousResearch/Meta-Llama-3-8B-Instruct"}
FAILURES = [
    pytest.param("untolerated-taint", "llama3-8b", "untolerated-taint", {}, id="untolerated-taint"),
    pytest.param("rollout-deadlock", "llama3-8b", "rollout-deadlock", {}, id="rollout-deadlock"),
    pytest.param("probe-kill", "llama3-8b", "startup-probe-kill", {}, id="probe-kill"),
    pytest.param("gated-model", "llama3-8b", "gated-model", MIRROR, id="gated-model"),
    pytest.param("kv-cache-too-small", "qwen3-8b", "kv-cache-too-small", {}, id="kv-cache-too-small"),
]


async def broken_pod(session: Session, workload: str) -> Ref:
    """The pod of a Deployment that does not serve."""
    pods = (await session.cluster.list(PODS, NAMESPACE)).items
    for pod in pods:
        ready = isinstance(pod, Pod) and pod.condition("Ready")
        if pod.metadata.name.startswith(workload) and not (ready and ready.status == "True"):
            return Ref("Pod", pod.metadata.name, NAMESPACE, pod.metadata.uid)
    raise AssertionError(f"every pod of {workload} serves")


def the_plan(fix: FixPlan) -> Plan:
    assert fix.plan is not None
    return fix.plan


async def carried_out(session: Session, plan: Plan, person: Person) -> RunResult:
    run = run_plan(session, plan, approve=person.approve, progress=person.progress)
    return await driven(session, run)


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


def live(lab: Lab, name: str) -> dict[str, Any]:
    return lab.store.get("apps/v1", "Deployment", NAMESPACE, name)


@pytest.mark.parametrize(("scenario", "workload", "cause", "params"), FAILURES)
async def test_a_failure_is_fixed_and_verified(
    start_lab: StartLab, tmp_path: Path, scenario: str, workload: str, cause: str, params: dict[str, Any]
) -> None:
    lab = await start_lab(scenario)
    async with session_on(lab, tmp_path) as session:
        found = await plan_fix(session, await broken_pod(session, workload), params=params)
        assert found.finding is not None
        assert found.finding.cause == cause
        assert not lab.server.writes
        result = await carried_out(session, the_plan(found), Person())
    assert result.error is None
    assert (result.outcome, live(lab, workload)["status"]["readyReplicas"]) == (Ending.FIXED, 1)


@pytest.mark.parametrize(("scenario", "workload", "cause", "params"), FAILURES)
async def test_a_dry_run_issues_no_write(
    start_lab: StartLab, tmp_path: Path, scenario: str, workload: str, cause: str, params: dict[str, Any]
) -> None:
    lab = await start_lab(scenario)
    before = live(lab, workload)["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment(workload), cause=cause, params=params))
    assert plan.changes
    assert not lab.server.writes
    assert live(lab, workload)["spec"] == before
    assert is_empty(tmp_path)


async def test_the_values_are_computed_from_what_was_observed(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment("llama3-8b")))
    (taint,) = lab.store.get("v1", "Node", "", "gpu-l4-1")["spec"]["taints"]
    (toleration,) = plan.params["tolerations"]
    assert (toleration["key"], toleration["effect"]) == (taint["key"], taint["effect"])


async def test_the_journal_tells_each_write_before_and_after(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment("llama3-8b")))
        result = await carried_out(session, plan, Person())
    entries = read_journal(Path(result.journal))
    writes = [entry.data for entry in entries if entry.type == "write" and not entry.data.get("dry_run")]
    assert [(write["phase"], write["method"]) for write in writes] == [("before", "PATCH"), ("after", "PATCH")]
    assert (entries[0].type, entries[-1].data["outcome"]) == ("run", "fixed")


async def test_without_a_choice_the_gated_model_needs_a_person(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment("llama3-8b")))
        result = await carried_out(session, plan, Person(agrees=False))
    assert isinstance(result.error, ApprovalNeeded)
    assert "-p mirror=" in result.error.hint


async def test_a_token_that_has_access_fixes_it_too(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        given = {"token_secret": "hf-token-approved/token"}
        plan = the_plan(await plan_fix(session, deployment("llama3-8b"), params=given))
        result = await carried_out(session, plan, Person())
    assert result.outcome is Ending.FIXED


async def test_a_fix_that_changes_nothing_for_the_better_says_so(start_lab: StartLab, tmp_path: Path) -> None:
    """The other token has no access either, so the same cause comes back."""
    lab = await start_lab("gated-model")
    lab.store.create(token_secret("hf-other", "hf_lab_newcomer"))
    async with session_on(lab, tmp_path) as session:
        given = {"token_secret": "hf-other/token"}
        plan = the_plan(await plan_fix(session, deployment("llama3-8b"), params=given))
        result = await carried_out(session, plan, Person())
    assert result.outcome is Ending.UNCHANGED
    with pytest.raises(NotVerified, match="still there"):
        result.raise_for_outcome()


async def test_a_fix_that_uncovers_the_next_cause_names_it(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    document = live(lab, "llama3-8b")
    document["spec"]["template"]["spec"]["containers"][0]["args"][0] = "meta-llama/Meta-Llama-3-8B-Instruct"
    lab.store.update(document)
    lab.world.settle()
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment("llama3-8b")))
        result = await carried_out(session, plan, Person())
    assert result.verification is not None
    assert (result.outcome, result.verification.cause) == (Ending.CHANGED, "token-missing")
    with pytest.raises(NotVerified, match="another stands in the way"):
        result.raise_for_outcome()


async def test_a_cause_that_is_not_there_cannot_be_fixed(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(UsageError) as caught:
            await plan_fix(session, deployment("llama3-8b"), cause="host-oom")
    assert "untolerated-taint" in caught.value.hint


async def test_what_is_well_needs_no_fix(start_lab: StartLab, tmp_path: Path) -> None:
    """Said after a second look, since a busy server may be too slow without anything broken."""
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        found = await watched(lab, plan_fix(session, deployment("llama3-8b")))
    assert (found.finding, found.fix, found.plan) == (None, None, None)
    assert found.report.state == "ready"


async def test_a_server_that_is_too_small_gets_another_beside_it(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("overloaded")
    async with session_on(lab, tmp_path) as session:
        found = await watched(lab, plan_fix(session, deployment("llama3-8b")))
        plan = the_plan(found)
    assert found.finding is not None
    assert found.finding.cause == "queue-saturated"
    assert plan.params["replicas"] == 2
    assert plan.impacts == (), "what is added stops no server"


async def test_a_fix_tells_whom_it_takes_away(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    params = {"namespace": NAMESPACE, "target": "deployment/llama3-8b", "container": "vllm", "max_num_seqs": 30}
    async with session_on(lab, tmp_path) as session:
        plan = await plan_run(session, "fix-batch-size", params)
    (impact,) = plan.impacts or ()
    assert (impact.gone, impact.at_once, impact.left, impact.unscraped) == (4, 1, 3, 0)
    assert impact.in_flight
    assert impact.load_s
    assert impact.budgets_read


async def test_a_manual_fix_is_a_value_with_steps(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    template = live(lab, "llama3-8b")["spec"]["template"]
    bare = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {"name": "bare", "namespace": NAMESPACE}}
    lab.store.create(bare)
    lab.world.settle()
    async with session_on(lab, tmp_path) as session:
        found = await plan_fix(session, Ref("Pod", "bare", NAMESPACE))
    assert found.fix is not None
    assert (found.fix.applicability, found.plan) == (Applicability.MANUAL, None)
    assert "no controller" in found.fix.steps[0]
