"""A plan has been shown to the API server: what it would refuse keeps the plan back, what it cannot say is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import Person, deployment, session_on
from tests.lab.test_fix_five import carried_out, the_plan
from vops.errors import Refused
from vops.operations.fix import plan_fix
from vops.planning.plan import Plan
from vops.render.plan import plan_lines
from vops.render.text import plain


async def planned(start_lab: StartLab, tmp_path: Path, status: int, message: str) -> Plan:
    lab = await start_lab("untolerated-taint")
    lab.server.trouble.fail(status, method="PATCH", message=message)
    async with session_on(lab, tmp_path) as session:
        return the_plan(await plan_fix(session, deployment("llama3-8b")))


async def test_what_the_server_would_refuse_keeps_the_plan_back(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    lab.server.trouble.fail(422, method="PATCH", message="policy: tolerations are not allowed here")
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment("llama3-8b")))
        assert [guard.name for guard in plan.blocked] == ["dry-run"]
        assert "tolerations are not allowed here" in plain(plan_lines(plan))
        with pytest.raises(Refused, match="tolerations are not allowed here"):
            await carried_out(session, plan, Person())
    assert not lab.server.writes


@pytest.mark.parametrize(
    ("status", "message", "told"),
    [
        (400, "admission webhook x does not support dry run", "an admission webhook does not support dry runs"),
        (503, "try again", "try again"),
        (403, "not for you", "not for you"),
    ],
)
async def test_what_could_not_be_tried_is_told(
    start_lab: StartLab, tmp_path: Path, status: int, message: str, told: str
) -> None:
    plan = await planned(start_lab, tmp_path, status, message)
    assert not plan.blocked
    assert told in plan.unverified[0]
    assert "? not verified by a dry run: deployment/llama3-8b" in plain(plan_lines(plan))


async def test_what_the_server_accepts_is_not_mentioned(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("rollout-deadlock")
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment("llama3-8b")))
    tries = [item for item in lab.server.requests if item.method == "PATCH"]
    assert (len(tries), plan.blocked, plan.unverified) == (len(plan.changes), (), ())
    assert all("dryRun" in item.query for item in tries)
