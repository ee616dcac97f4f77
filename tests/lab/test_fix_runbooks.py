"""Every fix of a server, end to end on the lab: diagnosed, planned without a write, applied, verified, taken back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.broken import BROKEN, NAME, bring_about
from tests.lab.fixing import NAMESPACE, Person, deployment, session_on, watched
from tests.lab.test_fix_five import carried_out, is_empty, live, the_plan
from vops.lab.documents import Document
from vops.lab.world import Lab
from vops.model.objects import Ref
from vops.operations.fix import plan_fix
from vops.operations.running.run import RunResult
from vops.operations.running.runs import Ending, past_run
from vops.operations.running.undo import plan_undo
from vops.operations.session import Session
from vops.planning.plan import Plan


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_server_is_fixed_verified_and_the_fix_taken_back(
    name: str, start_lab: StartLab, tmp_path: Path
) -> None:
    broken, lab = BROKEN[name], await start_lab("gated-model")
    await bring_about(lab, broken)
    before = live(lab, NAME)["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = await planned(lab, session, deployment(NAME), broken.cause, broken.params)
        assert plan.runbook == broken.runbook
        result = await fixed(session, plan)
        assert broken.holds(live(lab, NAME))
        await taken_back(session, result)
    assert live(lab, NAME)["spec"] == before


@pytest.mark.parametrize(
    ("scenario", "workload", "cause", "runbook"),
    [
        ("host-oom", "llama3-8b", "host-oom", "fix-host-oom"),
        ("image-not-found", "llama3-8b", "image-not-found", "fix-image"),
        ("tensor-parallel-mismatch", "llama3-70b", "tp-mismatch", "fix-gpu-count"),
    ],
)
async def test_a_scenarios_failure_is_fixed_and_the_fix_taken_back(
    scenario: str, workload: str, cause: str, runbook: str, start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab(scenario)
    before = live(lab, workload)["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = await planned(lab, session, deployment(workload), cause)
        assert plan.runbook == runbook
        await taken_back(session, await fixed(session, plan))
    assert live(lab, workload)["spec"] == before


async def test_a_service_is_led_to_its_servers_without_touching_them(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("service-port-mismatch")
    before, servers = service(lab), live(lab, "llama3-8b")["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = await planned(lab, session, deployment("llama3-8b"), "service-mismatch")
        result = await fixed(session, plan)
        assert service(lab)["ports"][0]["targetPort"] == "http"
        await taken_back(session, result)
    assert (service(lab), live(lab, "llama3-8b")["spec"]) == (before, servers)


def service(lab: Lab) -> Document:
    found: Document = lab.store.get("v1", "Service", NAMESPACE, "llama3-8b")["spec"]
    return found


async def planned(
    lab: Lab, session: Session, subject: Ref, cause: str, params: Mapping[str, Any] | None = None
) -> Plan:
    """The plan of the fix of `cause`, which is the first finding; nothing was written for it, here or there."""
    found = await watched(lab, plan_fix(session, subject, params=params))
    assert found.finding is not None
    assert found.finding.cause == cause
    assert not lab.server.writes
    assert is_empty(session.settings.state_path)
    plan = the_plan(found)
    assert not plan.blocked
    return plan


async def fixed(session: Session, plan: Plan) -> RunResult:
    result = await carried_out(session, plan, Person())
    assert result.error is None, result.steps
    assert result.outcome is Ending.FIXED
    return result


async def taken_back(session: Session, result: RunResult) -> None:
    undo = await plan_undo(session, past_run(session.settings.state_path, result.run_id))
    await carried_out(session, undo, Person())
