"""Access reviews: the first calls of a run name all that is missing; whoever applies a plan is asked anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, deployment, session_on
from tests.lab.test_run_guards import Place, changes_of
from vops.errors import Refused
from vops.operations.fix import plan_fix
from vops.operations.running.run import plan_run
from vops.operations.running.runs import Ending
from vops.planning.plan import Plan

REVIEWS = "selfsubjectaccessreviews"
TARGET = {"namespace": NAMESPACE, "target": "deployment/qwen3-8b", "container": "vllm", "max_model_len": 8192}


@pytest_asyncio.fixture
async def place(start_lab: StartLab, tmp_path: Path) -> AsyncIterator[Place]:
    lab = await start_lab("kv-cache-too-small")
    async with session_on(lab, tmp_path) as session:
        yield Place(lab, session)


async def asked_to_apply(place: Place, runbook: str = "fix-kv-cache", **params: object) -> Plan:
    return await plan_run(place.session, runbook, params or TARGET, to_apply=True)


async def test_the_first_requests_of_a_run_ask_what_it_may_do_and_the_refusal_names_all(place: Place) -> None:
    for verb, resource in (("patch", "deployments"), ("list", "replicasets")):
        place.lab.server.access.deny(verb, resource)
    place.lab.server.requests.clear()
    with pytest.raises(Refused) as caught:
        await asked_to_apply(place)
    assert {Path(item.path).name for item in place.lab.server.requests} == {REVIEWS}
    assert "lack 2 permissions that fix-kv-cache needs" in str(caught.value)
    assert "patch deployments in inference" in str(caught.value)
    assert "list replicasets in inference" in str(caught.value)
    assert "kind: Role\n" in caught.value.hint
    assert "kubectl create rolebinding vops-missing-fix-kv-cache -n inference" in caught.value.hint
    assert " --role=vops-missing-fix-kv-cache" in caught.value.hint


async def test_a_plan_may_be_made_by_who_may_only_read(place: Place) -> None:
    place.lab.server.access.deny("patch", "deployments")
    plan = await place.plan()
    assert [guard.detail for guard in plan.blocked] == ["these credentials may not patch deployments in inference"]
    place.lab.server.access.deny("get", "deployments")
    with pytest.raises(Refused, match="needs: get deployments in inference"):
        await place.plan()


async def test_whoever_applies_a_plan_is_asked_whatever_its_maker_could(place: Place) -> None:
    place.lab.server.access.deny("patch", "deployments")
    plan = await place.plan()
    place.lab.server.access.allow_all()
    assert (await place.run(plan)).outcome is Ending.FIXED


async def test_what_a_plan_waits_for_is_asked_before_its_first_write(place: Place) -> None:
    plan = await place.plan()
    place.lab.server.access.deny("list", "pods")
    assert "list pods in inference" in str(await place.refused(plan, Refused))


async def test_a_fix_names_all_that_is_missing_too(place: Place) -> None:
    place.lab.server.access.deny("patch", "deployments")
    found = await plan_fix(place.session, deployment("qwen3-8b"))
    assert found.plan is not None
    assert "patch deployments in inference" in str(await place.refused(found.plan, Refused))


async def test_what_only_some_ways_need_keeps_no_run_from_starting(place: Place) -> None:
    """Scaling what nothing scales by itself needs no right to change autoscalers."""
    place.lab.server.access.deny("patch", "horizontalpodautoscalers")
    place.lab.server.access.deny("*", "scaledobjects")
    plan = await asked_to_apply(place, "scale", namespace=NAMESPACE, target="deployment/qwen3-8b", replicas=0)
    assert (plan.blocked, not changes_of(place.lab)) == ((), True)


async def test_a_server_that_reviews_no_access_refuses_none(place: Place) -> None:
    place.lab.server.access.deny("create", REVIEWS)
    assert (await asked_to_apply(place)).changes
