"""Handing back: once the repository carries a change, vops owns nothing of the object, and no value has changed."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, session_on
from tests.lab.test_fix_five import carried_out
from tests.lab.test_marks import notes, owned
from tests.lab.test_step_kinds import Bench
from vops.errors import NotFound, Refused, UsageError
from vops.lab.statuses import ApiError
from vops.lab.world import Lab
from vops.operations.running.handback import plan_handback
from vops.operations.running.runs import Ending, past_run
from vops.planning.changes import RUN
from vops.planning.plan import Plan
from vops.render.plan import handing_back, plan_lines
from vops.render.text import plain

NAME = "llama3-8b"
CHANGE = "id: c, kind: k8s.patch, title: c, ref: '${params.target}', set: {/spec/progressDeadlineSeconds: 900}"


def applied(lab: Lab, seconds: int) -> None:
    """As a Helm 4 upgrade does."""
    meta = {"name": NAME, "namespace": NAMESPACE}
    spec = {"progressDeadlineSeconds": seconds}
    lab.store.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, manager="helm")


@pytest_asyncio.fixture
async def bench(start_lab: StartLab, tmp_path: Path) -> AsyncIterator[Bench]:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        yield Bench(lab, session, tmp_path)


async def handed(bench: Bench, plan: Plan) -> Ending:
    return (await carried_out(bench.session, plan, Person())).outcome


def spec(lab: Lab) -> Any:
    return copy.deepcopy(lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME)["spec"])


async def test_afterwards_a_server_side_apply_of_another_value_meets_no_conflict(bench: Bench) -> None:
    result = await bench.run(CHANGE)
    applied(bench.lab, 900)
    with pytest.raises(ApiError, match="conflict"):
        applied(bench.lab, 1200)
    before = spec(bench.lab)
    run = past_run(bench.folder / "state", result.run_id)
    assert await handed(bench, await plan_handback(bench.session, run)) is Ending.APPLIED
    assert (owned(bench.lab), spec(bench.lab), RUN in notes(bench.lab)) == ([], before, False)
    applied(bench.lab, 1200)
    assert spec(bench.lab)["progressDeadlineSeconds"] == 1200


async def test_who_else_owns_a_field_is_said_before(bench: Bench) -> None:
    await bench.run(CHANGE)
    plan = await plan_handback(bench.session, f"deploy/{NAME}")
    assert "Nobody else owns spec.progressDeadlineSeconds: the repository may not carry it yet" in plain(
        plan_lines(plan)
    )
    applied(bench.lab, 900)
    plan = await plan_handback(bench.session, f"deploy/{NAME}")
    assert "helm owns spec.progressDeadlineSeconds as well." in plain(plan_lines(plan))


async def test_a_run_on_what_a_release_owns_ends_with_how_to_hand_it_back(bench: Bench) -> None:
    document = copy.deepcopy(bench.lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME))
    assert handing_back(await bench.plan(CHANGE), "r1") == ""
    document["metadata"]["annotations"] = {"meta.helm.sh/release-name": "llama"}
    bench.lab.store.update(document)
    told = handing_back(await bench.plan(CHANGE), "r1")
    assert told == "once the repository of llama carries it: vops handback r1"


async def test_what_vops_owns_nothing_of_needs_nothing(bench: Bench) -> None:
    plan = await plan_handback(bench.session, f"deploy/{NAME}")
    assert plan.nothing_to_do
    assert await handed(bench, plan) is Ending.NOTHING


async def test_an_object_that_a_run_made_is_handed_back_once_somebody_else_has_written_it(bench: Bench) -> None:
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": NAMESPACE}}
    result = await bench.run(f"id: e, kind: k8s.ensure, title: e, object: {made | {'data': {'a': 'b'}}}")
    run = past_run(bench.folder / "state", result.run_id)
    with pytest.raises(Refused, match="nobody but vops has written configmap/new"):
        await plan_handback(bench.session, run)
    bench.lab.store.apply(made | {"data": {"a": "b"}}, manager="flux")
    assert await handed(bench, await plan_handback(bench.session, run)) is Ending.APPLIED
    bench.lab.store.apply(made | {"data": {"a": "c"}}, manager="flux")
    assert bench.lab.store.get("v1", "ConfigMap", NAMESPACE, "new")["data"] == {"a": "c"}


async def test_somebody_elses_write_meanwhile_is_not_lost(bench: Bench) -> None:
    await bench.run(CHANGE)
    plan = await plan_handback(bench.session, f"deploy/{NAME}")
    document = copy.deepcopy(bench.lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME))
    document["spec"]["minReadySeconds"] = 3
    bench.lab.store.update(document, manager="a-first")
    await handed(bench, plan)
    assert spec(bench.lab)["minReadySeconds"] == 3
    managers = bench.lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME)["metadata"]["managedFields"]
    assert "a-first" in {item["manager"] for item in managers}


@pytest.mark.parametrize(
    ("subject", "error"), [("deploy/none", NotFound), ("what/is/this", UsageError), ("all", UsageError)]
)
async def test_what_is_no_object_is_said(bench: Bench, subject: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await plan_handback(bench.session, subject)


async def test_without_the_permission_nothing_is_written(bench: Bench) -> None:
    await bench.run(CHANGE)
    bench.lab.server.access.deny("patch", "deployments")
    with pytest.raises(Refused, match="patch deployments in inference"):
        await handed(bench, await plan_handback(bench.session, f"deploy/{NAME}"))
    assert owned(bench.lab)
