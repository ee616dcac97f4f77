"""A plan in a file is applied once, on whichever of two machines comes first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, deployment, driven, session_on
from tests.lab.test_fix_five import carried_out, the_plan
from tests.lab.test_resume_undo import only_run
from vops.errors import PlanStale, Unavailable
from vops.lab.world import Lab
from vops.operations.fix import plan_fix
from vops.operations.running.run import RunResult, run_plan
from vops.operations.running.runs import Ending
from vops.operations.running.undo import plan_undo
from vops.operations.running.used_plans import NAME, claim_everywhere
from vops.operations.session import Session
from vops.planning.plan import Plan, plan_from_json


async def applied(session: Session, plan: Plan, person: Person) -> RunResult:
    read = plan_from_json(plan.to_json())
    going = run_plan(session, read, approve=person.approve, progress=person.progress, from_file=True)
    return await driven(session, going)


async def planned(session: Session) -> Plan:
    return the_plan(await plan_fix(session, deployment("llama3-8b")))


def marks(lab: Lab) -> dict[str, str]:
    found = lab.store.get("v1", "ConfigMap", NAMESPACE, NAME)
    data: dict[str, str] = found.get("data") or {}
    return data


async def test_a_plan_that_one_machine_has_applied_is_refused_by_another(start_lab: StartLab, tmp_path: Path) -> None:
    """Also once it was taken back, when every field is again as the plan wants it to be."""
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path / "one") as session:
        plan = await planned(session)
        assert (await applied(session, plan, Person())).outcome is Ending.FIXED
        undo = await plan_undo(session, only_run(tmp_path / "one"))
        await carried_out(session, undo, Person())
    assert list(marks(lab)) == [plan.id]
    async with session_on(lab, tmp_path / "two") as session:
        with pytest.raises(PlanStale, match=f"plan {plan.id} was applied before by "):
            await applied(session, plan, Person())
    assert not list((tmp_path / "two/runs").glob("*"))


async def test_of_two_machines_at_once_one_is_refused(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path / "one") as one, session_on(lab, tmp_path / "two") as two:
        plan = await planned(one)
        claims = [
            claim_everywhere(session.cluster, plan, tmp_path / name, session.clock.now(), lambda _: None)
            for name, session in (("one", one), ("two", two))
        ]
        ended = await asyncio.gather(*claims, return_exceptions=True)
    assert sorted(type(item).__name__ for item in ended) == ["NoneType", "PlanStale"]


async def test_the_same_machine_may_try_again_after_a_lost_answer(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session)
        lab.server.trouble.fail(503, times=1, method="PATCH", path=f"/configmaps/{NAME}")
        with pytest.raises(Unavailable):
            await applied(session, plan, Person())
        assert (await applied(session, plan, Person())).outcome is Ending.FIXED
        with pytest.raises(PlanStale, match="was applied before"):
            await applied(session, plan, Person())


async def test_without_the_permission_the_plan_is_applied_and_that_is_said(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    lab.server.access.deny("*", "configmaps")
    person = Person()
    async with session_on(lab, tmp_path) as session:
        result = await applied(session, await planned(session), person)
    said = [
        event.message for event in person.events if "only this machine knows that the plan is used" in event.message
    ]
    assert (result.outcome, len(said)) == (Ending.FIXED, 1)


async def test_what_has_expired_is_forgotten_and_what_is_no_mark_is_left(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    old = '{"by":"x@y","machine":"m","expires_at":"2020-01-01T00:00:00Z"}'
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"0ld": old, "note": "not ours"}}
    lab.store.create({**document, "metadata": {"name": NAME, "namespace": NAMESPACE}})
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session)
        await applied(session, plan, Person())
    assert set(marks(lab)) == {plan.id, "note"}


async def test_a_plan_that_never_was_a_file_leaves_no_mark(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path) as session:
        await carried_out(session, await planned(session), Person())
    assert not [item for item in lab.store.list("v1", "ConfigMap") if item["metadata"]["name"] == NAME]
