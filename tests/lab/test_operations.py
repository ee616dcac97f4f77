"""Changes to a server that serves, on the lab: planned, carried out, measured, taken back when they make it worse."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, session_on
from tests.lab.test_fix_five import carried_out, live
from tests.lab.test_fix_runbooks import taken_back
from vops.errors import Refused, StepFailed
from vops.lab.documents import Document
from vops.lab.manifests import container_of
from vops.lab.world import Lab
from vops.model.load import LoadResult
from vops.operations.running.run import plan_run
from vops.operations.running.runs import Ending
from vops.operations.session import Session
from vops.planning.plan import Plan

SERVER = "qwen3-4b"
"""On one of four GPUs, in the scenario that most of these start from."""
QUICK = {"load": "5s", "soak": "30s"}
NEWER = "vllm/vllm-openai:v0.32.0"


async def planned(session: Session, runbook: str, name: str = SERVER, **params: Any) -> Plan:
    return await plan_run(session, runbook, {"target": f"deployment/{name}", **params})


def args_of(deployment: Document) -> str:
    return " ".join(container_of(deployment)["args"])


def pods(lab: Lab, name: str = SERVER) -> list[Document]:
    found = lab.store.list("v1", "Pod", NAMESPACE)
    return [item for item in found if item["metadata"]["name"].startswith(name)]


async def test_a_model_is_split_over_more_gpus_and_back(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    name = "qwen3-4b"
    before = live(lab, name)["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, "tp-rollout", name, tp=2, **QUICK)
        assert not lab.server.writes
        result = await carried_out(session, plan, Person())
        assert (result.error, result.outcome) == (None, Ending.FIXED), result.steps
        after = live(lab, name)
        assert "--tensor-parallel-size 2" in args_of(after)
        assert container_of(after)["resources"]["limits"]["nvidia.com/gpu"] == "2"
        await taken_back(session, result)
    assert live(lab, name)["spec"] == before


async def test_a_change_that_makes_it_slower_is_taken_back(
    start_lab: StartLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lab's servers answer as fast after it; so the second measurement is made up."""
    results = iter([0.2, 0.9])

    async def measured(*_: object) -> LoadResult:
        return LoadResult(40, 0, 5.0, 300.0, 0.1, next(results), 0.8, 1.2)

    monkeypatch.setattr("vops.runbooks.steps.vllm_bench.put_under_load", measured)
    lab = await start_lab("gated-model")
    before = live(lab, SERVER)["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, "tp-rollout", tp=2, **QUICK)
        result = await carried_out(session, plan, Person())
    assert "The first token comes later" in str(result.error)
    assert live(lab, SERVER)["spec"] == before


async def test_a_split_that_the_heads_do_not_allow_is_refused_before_anything_happens(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(Refused):
            await planned(session, "tp-rollout", tp=3, **QUICK)
    assert not lab.server.writes


async def test_a_split_that_is_so_already_needs_nothing(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, "tp-rollout", tp=1, **QUICK)
    assert plan.nothing_to_do


async def test_an_image_is_upgraded_by_way_of_one_pod(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    before = live(lab, SERVER)["spec"]
    person = Person()
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, "upgrade-image", image=NEWER, **QUICK)
        result = await carried_out(session, plan, person)
        assert (result.error, result.outcome) == (None, Ending.FIXED), result.steps
        assert container_of(live(lab, SERVER))["image"] == NEWER
        assert "paused" not in live(lab, SERVER)["spec"]
        assert "Go on with the others" in [item.title for item in person.questions]
        await taken_back(session, result)
    assert live(lab, SERVER)["spec"] == before


async def test_an_image_that_does_not_start_is_taken_back_with_its_pause(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    before = live(lab, SERVER)["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, "upgrade-image", image="vllm/vllm-openai:v9.9.9", start_timeout="5m", **QUICK)
        result = await carried_out(session, plan, Person())
    assert isinstance(result.error, StepFailed)
    assert not result.error.dirty
    assert live(lab, SERVER)["spec"] == before


@pytest.mark.parametrize("replicas", [2, 0])
async def test_a_workload_is_scaled(replicas: int, start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        result = await carried_out(session, await planned(session, "scale", replicas=replicas), Person())
        assert result.error is None, result.steps
        assert live(lab, SERVER)["spec"]["replicas"] == replicas
        await taken_back(session, result)
    assert live(lab, SERVER)["spec"]["replicas"] == 1


async def test_more_replicas_than_gpus_are_said_to_wait(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, "scale", replicas=9)
    assert "the others wait for a node" in " ".join(text for step in plan.steps for text in step.says)


async def test_an_earlier_revision_comes_back(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    first = live(lab, SERVER)["spec"]["template"]
    changed = copy.deepcopy(live(lab, SERVER))
    container_of(changed)["args"] += ["--max-num-seqs", "64"]
    lab.store.update(changed)
    lab.world.settle()
    await lab.advance(300)
    async with session_on(lab, tmp_path) as session:
        result = await carried_out(session, await planned(session, "rollback"), Person())
        assert (result.error, result.outcome) == (None, Ending.FIXED), result.steps
    assert live(lab, SERVER)["spec"]["template"] == first


async def test_a_replica_is_restarted_when_it_is_quiet(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    (old,) = pods(lab)
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, "restart-replica", pod=old["metadata"]["name"])
        result = await carried_out(session, plan, Person())
    assert (result.error, result.outcome) == (None, Ending.FIXED), result.steps
    assert [item["metadata"]["uid"] for item in pods(lab)] != [old["metadata"]["uid"]]


async def test_a_pod_of_another_workload_is_not_restarted(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    (other,) = pods(lab, "llama3-8b")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(Refused, match="is no pod of qwen3-4b"):
            await planned(session, "restart-replica", pod=other["metadata"]["name"])
