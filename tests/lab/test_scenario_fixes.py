"""The compound failures end to end on the lab: the fix of the first finding is made, holds, and is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import Person, deployment, session_on
from tests.lab.test_fix_five import carried_out, live, the_plan
from tests.lab.test_fix_runbooks import taken_back
from vops.operations.fix import plan_fix
from vops.operations.running.runs import Ending

FIXES = [
    pytest.param("probe-kill-redownload", "fix-startup-probe", {}, id="probe-kill-redownload"),
    pytest.param("probe-and-engine-timeout", "fix-engine-timeout", {}, id="probe-and-engine-timeout"),
    pytest.param("missed-oom", "fix-host-oom", {}, id="missed-oom"),
    pytest.param("rollout-volume-conflict", "fix-volume-rollout", {}, id="rollout-volume-conflict"),
    pytest.param(
        "gated-partial-cache", "fix-gated-model", {"token_secret": "hf-token-approved/token"}, id="gated-partial-cache"
    ),
]


@pytest.mark.parametrize(("scenario", "runbook", "params"), FIXES)
async def test_a_compound_failure_is_fixed_and_verified(
    start_lab: StartLab, tmp_path: Path, scenario: str, runbook: str, params: dict[str, Any]
) -> None:
    lab = await start_lab(scenario)
    before = live(lab, "llama3-8b")["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment("llama3-8b"), params=params))
        result = await carried_out(session, plan, Person())
        assert result.error is None, result.steps
        assert (plan.runbook, result.outcome) == (runbook, Ending.FIXED)
        assert live(lab, "llama3-8b")["status"]["readyReplicas"] == 1
        await taken_back(session, result)
    assert live(lab, "llama3-8b")["spec"] == before
