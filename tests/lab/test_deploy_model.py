"""deploy-model on the lab: objects of vops' own are made, found as wished, left alone when foreign, and taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, session_on
from tests.lab.killing import killed_after_each_write
from tests.lab.test_fix_five import carried_out, live
from vops.errors import InputError, Refused
from vops.lab.world import Lab
from vops.operations.running.run import plan_run
from vops.operations.running.runs import Ending, past_runs
from vops.operations.running.undo import plan_undo
from vops.operations.session import Session
from vops.planning.plan import Plan

PARAMS = {"name": "new", "model": "Qwen/Qwen3-4B", "tp": 1}
KINDS = ["ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"]


async def planned(session: Session, **more: Any) -> Plan:
    return await plan_run(session, "deploy-model", {**PARAMS, **more})


def is_of_the_plan(path: str) -> bool:
    return not any(part in path for part in ("/leases", "/vops-run-"))


def names(lab: Lab, api_version: str, kind: str) -> list[str]:
    return [item["metadata"]["name"] for item in lab.store.list(api_version, kind, NAMESPACE)]


async def test_a_model_is_deployed_serves_and_is_as_wished_the_second_time(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session)
        assert [change.target.kind for change in plan.changes] == KINDS
        assert not lab.server.writes or all("reviews" in write.path for write in lab.server.writes)
        result = await carried_out(session, plan, Person())
        assert (result.outcome, result.error) == (Ending.FIXED, None)
        assert live(lab, "new")["status"]["readyReplicas"] == 1
        assert not (await planned(session)).changes
        assert [change.target.kind for change in (await planned(session, replicas=2)).changes] == ["Deployment"]


async def test_what_somebody_else_made_is_not_taken_over(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(Refused, match="is there already, and vops did not make it"):
            await planned(session, name="llama3-8b")


async def test_undo_deletes_what_the_run_has_made(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        await carried_out(session, await planned(session), Person())
        assert "new" in names(lab, "apps/v1", "Deployment")
        (run,) = past_runs(tmp_path)[0]
        await carried_out(session, await plan_undo(session, run), Person())
    assert "new" not in names(lab, "apps/v1", "Deployment") + names(lab, "v1", "Service")


async def test_a_deployment_that_was_interrupted_goes_on_without_applying_twice(
    start_lab: StartLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async for lab, result in killed_after_each_write(start_lab, tmp_path, monkeypatch, planned):
        assert result.outcome is Ending.FIXED
        sent = [item for item in lab.server.writes if item.method == "PATCH" and is_of_the_plan(item.path)]
        assert len([item for item in sent if "dryRun" not in item.query and item.status in (200, 201)]) == len(KINDS)


async def test_what_cannot_be_rendered_is_said(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(InputError, match="cannot render deploy"):
            await planned(session, overlays=["no-such"])


async def test_a_seeded_model_is_served_from_its_claim_without_the_hub(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        seeding = await plan_run(session, "seed-model", {"model": "Qwen/Qwen3-4B", "claim": "models"})
        await carried_out(session, seeding, Person())
        commit = next(step.outputs["commit"] for step in seeding.steps if step.id == "manifest")
        lab.world.hub.gib_per_s = 1e-6
        result = await carried_out(session, await planned(session, claim="models", commit=commit), Person())
    assert (result.outcome, result.error) == (Ending.FIXED, None)
    spec = live(lab, "new")["spec"]["template"]["spec"]
    assert spec["volumes"][0]["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
    assert spec["containers"][0]["args"][:2] == [
        f"/models/Qwen--Qwen3-4B/{commit}",
        "--served-model-name=Qwen/Qwen3-4B",
    ]
    assert {"name": "HF_HUB_OFFLINE", "value": "1"} in spec["containers"][0]["env"]


async def test_a_claim_without_a_commit_names_no_model(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(Refused, match="given together"):
            await planned(session, claim="models")
