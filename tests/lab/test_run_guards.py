"""What keeps a plan from being carried out: each is said before the first write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, deployment, driven, session_on
from vops.errors import ApprovalNeeded, LockHeld, NotFound, PlanStale, Refused, UsageError, VopsError
from vops.lab.disturbances import Received
from vops.lab.world import Lab
from vops.model.leases import LEASES
from vops.operations.running.locks import locked
from vops.operations.running.run import RunResult, plan_run, run_plan
from vops.operations.running.runs import Ending
from vops.operations.session import Session
from vops.planning.events import Question
from vops.planning.plan import Plan

TARGET = {"namespace": NAMESPACE, "target": "deployment/qwen3-8b", "container": "vllm", "max_model_len": 8192}


def changes_of(lab: Lab) -> list[Received]:
    """The writes of a plan: neither locks nor the copy of the journal."""
    return [item for item in lab.server.writes if not any(part in item.path for part in ("/leases", "/vops-run-"))]


class Place:
    """The lab with the failure that `fix-kv-cache` fixes, and a session on it."""

    def __init__(self, lab: Lab, session: Session) -> None:
        self.lab = lab
        self.session = session
        self.person = Person()

    def edit(self, **meta: Any) -> None:
        document = self.lab.store.get("apps/v1", "Deployment", NAMESPACE, "qwen3-8b")
        document["metadata"] |= meta
        self.lab.store.update(document)

    async def plan(self, **params: Any) -> Plan:
        return await plan_run(self.session, "fix-kv-cache", TARGET | params)

    async def run(self, plan: Plan) -> RunResult:
        run = run_plan(self.session, plan, approve=self.person.approve, progress=self.person.progress)
        return await driven(self.session, run)

    async def refused(self, plan: Plan, error: type[VopsError]) -> VopsError:
        """What running the plan raises; nothing may have been written but a lock."""
        with pytest.raises(error) as caught:
            await self.run(plan)
        assert not changes_of(self.lab)
        return caught.value


@pytest_asyncio.fixture
async def place(start_lab: StartLab, tmp_path: Path) -> AsyncIterator[Place]:
    lab = await start_lab("kv-cache-too-small")
    async with session_on(lab, tmp_path) as session:
        yield Place(lab, session)


async def test_a_read_only_session_plans_and_refuses_to_apply(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("kv-cache-too-small")
    async with session_on(lab, tmp_path, readonly=True) as session:
        place = Place(lab, session)
        assert "read-only" in str(await place.refused(await place.plan(), Refused))


async def test_an_edit_between_plan_and_apply_makes_it_stale_and_changes_nothing(place: Place) -> None:
    plan = await place.plan()
    document = place.lab.store.get("apps/v1", "Deployment", NAMESPACE, "qwen3-8b")
    document["spec"]["template"]["spec"]["containers"][0]["args"].append("--enforce-eager")
    place.lab.store.update(document)
    result = await place.run(plan)
    assert isinstance(result.error, PlanStale)
    assert not changes_of(place.lab)


async def test_a_plan_expires(place: Place) -> None:
    plan = await place.plan()
    await place.lab.advance(timedelta(hours=2).total_seconds())
    assert "expired" in str(await place.refused(plan, PlanStale))


async def test_a_plan_is_applied_once(place: Place) -> None:
    plan = await place.plan()
    assert (await place.run(plan)).outcome is Ending.FIXED
    with pytest.raises(PlanStale, match="applied before"):
        await place.run(plan)


async def test_a_plan_for_another_cluster_is_refused(place: Place) -> None:
    plan = await place.plan()
    elsewhere = msgspec.structs.replace(plan.cluster, context="prod", uid="another")
    await place.refused(msgspec.structs.replace(plan, cluster=elsewhere), Refused)


async def test_a_person_who_does_not_agree_ends_it(place: Place) -> None:
    place.person.agrees = False
    await place.refused(await place.plan(), ApprovalNeeded)
    (question,) = place.person.questions
    assert isinstance(question, Question)
    assert (question.gate, str(question.target)) == ("confirm", "deployment/qwen3-8b in inference")
    assert "Replaces the only replica" in question.text


async def test_another_run_on_the_same_object_is_waited_for(place: Place) -> None:
    plan = await place.plan()
    cluster, clock = place.session.cluster, place.session.clock
    async with locked(cluster, clock, [deployment("qwen3-8b")], "other", lambda _: None):
        error = await place.refused(plan, LockHeld)
    assert "/other" in str(error)
    assert (await place.run(plan)).outcome is Ending.FIXED


async def test_the_lock_is_gone_after_the_run(place: Place) -> None:
    await place.run(await place.plan())
    with pytest.raises(NotFound):
        await place.session.cluster.get(LEASES, "vops-deployment-qwen3-8b", NAMESPACE)


async def test_a_missing_permission_is_known_before_anything_is_tried(place: Place) -> None:
    place.lab.server.access.deny("patch", "deployments")
    plan = await place.plan()
    assert plan.changes
    assert "lack a permission that fix-kv-cache needs: patch deployments in inference" in str(
        await place.refused(plan, Refused)
    )


async def test_what_gitops_owns_is_shown_and_not_changed(place: Place) -> None:
    tracking = "prod:apps/Deployment:inference/qwen3-8b"
    place.edit(annotations={"argocd.argoproj.io/tracking-id": tracking})
    plan = await place.plan()
    assert plan.changes
    error = await place.refused(plan, Refused)
    assert "Argo CD application 'prod'" in error.hint


async def test_a_target_that_is_not_there_is_said(place: Place) -> None:
    with pytest.raises(NotFound):
        await place.plan(target="deployment/none")


async def test_a_target_that_may_not_be_read_is_said(place: Place) -> None:
    place.lab.server.access.deny("get", "deployments")
    with pytest.raises(Refused, match="get deployments in inference"):
        await place.plan()


async def test_a_wrong_parameter_is_said(place: Place) -> None:
    with pytest.raises(UsageError, match="max_model_len"):
        await place.plan(max_model_len="many")


async def test_what_is_as_wished_needs_no_agreement(place: Place) -> None:
    await place.run(await place.plan())
    again = await place.plan()
    asked = len(place.person.questions)
    assert (await place.run(again)).outcome is Ending.NOTHING
    assert len(place.person.questions) == asked
