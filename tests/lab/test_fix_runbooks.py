"""Every fix of a server, end to end on the lab: diagnosed, planned without a write, applied, verified, taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import StartLab
from tests.lab.broken import BROKEN, NAME, bring_about
from tests.lab.fixing import Person, deployment, session_on
from tests.lab.test_fix_five import carried_out, is_empty, live, the_plan
from vops.operations.fix import plan_fix
from vops.operations.runs import Ending, past_run
from vops.operations.undo import plan_undo
from vops.planning.plan import Plan
from vops.render.plan import plan_lines

SCREEN = 40


def text_of(plan: Plan) -> str:
    return "\n".join("".join(str(piece) for piece in line) for line in plan_lines(plan))


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_server_is_fixed_verified_and_the_fix_taken_back(
    name: str, start_lab: StartLab, tmp_path: Path
) -> None:
    broken, lab = BROKEN[name], await start_lab("gated-model")
    await bring_about(lab, broken)
    before = live(lab, NAME)["spec"]
    async with session_on(lab, tmp_path) as session:
        found = await plan_fix(session, deployment(NAME), params=broken.params)
        assert found.finding is not None
        assert found.finding.cause == broken.cause
        plan = the_plan(found)
        assert plan.runbook == broken.runbook
        assert not lab.server.writes
        assert is_empty(tmp_path)

        result = await carried_out(session, plan, Person())
        assert result.error is None, result.steps
        assert result.outcome is Ending.FIXED
        assert broken.holds(live(lab, NAME))

        undo = await plan_undo(session, past_run(session.settings.state_path, result.run_id))
        await carried_out(session, undo, Person())
    assert live(lab, NAME)["spec"] == before
