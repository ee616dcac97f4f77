"""seed-model on the lab: a plan to the byte, a download that is followed and survives its pod, and a second look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, session_on
from tests.lab.killing import killed_after_each_write
from tests.lab.test_fix_five import carried_out
from tests.lab.test_resume_undo import KilledError
from vops.errors import ApprovalNeeded, NotFound, Refused, StepFailed, UsageError
from vops.lab.documents import Document
from vops.lab.engine.hub_pages import commit_of
from vops.lab.manifests import claim, storage_class, token_secret
from vops.lab.world import Lab
from vops.operations.running.journal import read_journal
from vops.operations.running.run import RunResult, plan_run
from vops.operations.running.runs import Ending, past_runs
from vops.operations.running.undo import plan_undo
from vops.operations.session import Session
from vops.planning.events import RunEvent
from vops.planning.plan import Decision, Plan

MODEL = "Qwen/Qwen3-8B"
GATED = "meta-llama/Meta-Llama-3-8B-Instruct"
FILES = 10


async def planned(session: Session, **more: Any) -> Plan:
    return await plan_run(session, "seed-model", {"model": MODEL, "claim": "models", **more})


def outputs(plan: Plan, step: str) -> Document:
    return next(item.outputs for item in plan.steps if item.id == step)


def jobs(lab: Lab) -> list[Document]:
    return lab.store.list("batch/v1", "Job", NAMESPACE)


def pods_of(lab: Lab, job: str) -> list[Document]:
    pods = lab.store.list("v1", "Pod", NAMESPACE)
    return [pod for pod in pods if pod["metadata"]["labels"].get("batch.kubernetes.io/job-name") == job]


def files_in(lab: Lab, model: str = MODEL) -> set[str]:
    folder = f"/models/{model.replace('/', '--')}/{commit_of(model)}"
    return lab.world.seeded.get(f"{NAMESPACE}/models", {}).get(folder, set())


async def test_a_model_is_seeded_and_followed_and_found_seeded_the_second_time(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("healthy")
    person = Person()
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session)
        assert [change.target.kind for change in plan.changes] == ["PersistentVolumeClaim", "ConfigMap", "Job"]
        assert (outputs(plan, "seed")["missingFiles"], outputs(plan, "manifest")["commit"]) == (FILES, commit_of(MODEL))
        assert not lab.server.writes or all("reviews" in write.path for write in lab.server.writes)
        result = await carried_out(session, plan, person)
        assert (result.outcome, result.error) == (Ending.APPLIED, None)
        again = await planned(session)
    assert len(files_in(lab)) == FILES
    said = [event.message for event in person.events if event.step == "follow"]
    assert any(" of 10 files, " in line and line.endswith(" s left") for line in said)
    assert len(said) < 10
    assert "10 files at /models/Qwen--Qwen3-8B/" in said[-1]
    assert again.nothing_to_do
    assert next(step for step in again.steps if step.id == "checks").decision is Decision.DONE


async def test_a_download_under_way_is_followed_not_made_again(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    lab.world.hub.gib_per_s = 0.1
    async with session_on(lab, tmp_path) as session:
        await left_behind(session, lab, seconds=100)
        plan = await planned(session)
        assert (plan.changes, plan.nothing_to_do) == ((), False)
        assert 0 < outputs(plan, "seed")["missingFiles"] < FILES
        assert any("is at it: " in note for note in plan.notes)
        result = await carried_out(session, plan, Person())
    assert (result.outcome, len(jobs(lab)), len(files_in(lab))) == (Ending.APPLIED, 1, FILES)


class Leaver(Person):
    """Goes away when the first file has arrived."""

    def progress(self, event: RunEvent) -> None:
        super().progress(event)
        if event.step == "follow" and f"of {FILES} files" in event.message:
            raise KilledError


async def left_behind(session: Session, lab: Lab, *, seconds: float) -> None:
    """A run whose operator went away; the Job goes on for a while."""
    with pytest.raises(KilledError):
        await carried_out(session, await planned(session), Leaver())
    await lab.advance(seconds)


def name_of(document: Document) -> str:
    return str(document["metadata"]["name"])


async def test_a_pod_that_goes_costs_the_file_that_was_on_its_way(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    lab.world.hub.gib_per_s = 0.1
    async with session_on(lab, tmp_path) as session:
        await left_behind(session, lab, seconds=100)
        there = set(files_in(lab))
        (job,) = jobs(lab)
        (pod,) = pods_of(lab, name_of(job))
        lab.store.delete("v1", "Pod", NAMESPACE, name_of(pod))
        await lab.advance(40)
        (pod,) = pods_of(lab, name_of(job))
        output = lab.world.kubelet.container(NAMESPACE, name_of(pod), "seed")
        assert output is not None
        assert output.output is not None
        first = output.output.until(lab.world.now)[0].text
    assert 0 < len(there) < FILES
    assert f'"missing_files": {FILES - len(there)}' in first


async def test_a_refusal_ends_the_job_at_once_and_a_later_run_makes_another(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("healthy")
    lab.store.create(token_secret("hf-token", "hf_lab_newcomer"))
    lab.world.hub.know("hf_lab_newcomer")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, model=GATED, token="hf-token")
        assert any("Your own token may not read" in note for note in plan.notes)
        assert "hf_lab" not in plan.to_json().decode()
        result = await carried_out(session, plan, Person())
        assert isinstance(result.error, StepFailed)
        assert "the token may not read this model" in str(result.error)
        assert "accept the licence" in result.error.hint
        assert len(pods_of(lab, name_of(jobs(lab)[0]))) == 1
        lab.world.hub.know("hf_lab_newcomer", GATED)
        result = await carried_out(session, await planned(session, model=GATED, token="hf-token"), Person())
    assert (result.outcome, result.error) == (Ending.APPLIED, None)
    assert [name_of(job).endswith("-2") for job in jobs(lab)] == [False, True]
    assert "hf_lab" not in str(read_journal(Path(result.journal)))


async def test_a_gated_model_without_a_token_is_refused_before_anything_is_made(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(Refused, match="is gated"):
            await planned(session, model=GATED)


async def test_a_secret_that_is_not_there_is_told(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        result = await carried_out(session, await planned(session, token="no-such"), Person())
    assert 'secret "no-such" not found' in str(result.error)


async def test_the_download_goes_where_the_consumer_can_run(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    params = {"consumer": "deployment/llama3-70b", "mode": "ReadWriteOnce"}
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, **params)
        assert outputs(plan, "place")["zones"] == ["zone-b"]
        await carried_out(session, plan, Person())
        (pod,) = pods_of(lab, name_of(jobs(lab)[0]))
        assert "nvidia.com/gpu" not in str(pod["spec"]["containers"])
        node = lab.store.get("v1", "Node", "", pod["spec"]["nodeName"])
        assert node["metadata"]["labels"]["topology.kubernetes.io/zone"] == "zone-b"
        assert outputs(await planned(session, **params), "place")["feasible"]


async def test_a_volume_out_of_the_consumers_reach_is_refused(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    lab.store.create(storage_class("anywhere", binding="Immediate"))
    lab.store.create(claim("models", class_name="anywhere"))
    await lab.advance(30)
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(Refused, match=r"no node that takes deployment/llama3-70b reaches it .they are in zone-b"):
            await planned(session, consumer="deployment/llama3-70b")


@pytest.mark.parametrize(
    ("params", "error", "said"),
    [
        ({"model": "owner/no-such"}, NotFound, "has no model owner/no-such"),
        ({"revision": "v9"}, NotFound, "no such revision"),
        ({"include": '["*.gguf"]'}, Exception, "0 of the 10 files"),
        ({"include": '["*.json"]'}, Refused, "No weights"),
        ({"storage_class": "no-such"}, Refused, "there is no storage class no-such"),
    ],
)
async def test_what_cannot_be_seeded_is_said_before_anything_is_made(
    start_lab: StartLab, tmp_path: Path, params: dict[str, str], error: type[Exception], said: str
) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(error, match=said):
            await planned(session, **params)
    assert all("reviews" in write.path for write in lab.server.writes)


async def test_a_claim_that_is_too_small_is_refused(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    lab.store.create(claim("models", size="12Gi"))
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(Refused, match="Claim models is too small"):
            await planned(session)


async def test_undo_takes_the_job_away_and_keeps_the_data(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        await carried_out(session, await planned(session), Person())
        (run,) = past_runs(tmp_path)[0]
        await carried_out(session, await plan_undo(session, run), Person())
    assert not jobs(lab)
    assert lab.store.find("v1", "PersistentVolumeClaim", NAMESPACE, "models") is not None
    assert len(files_in(lab)) == FILES


async def test_without_a_yes_nothing_is_made(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(ApprovalNeeded):
            await carried_out(session, await planned(session), Person(agrees=False))
    assert not jobs(lab)


async def test_a_run_killed_after_any_write_goes_on_to_the_same_end(
    start_lab: StartLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async for lab, result in killed_after_each_write(start_lab, tmp_path, monkeypatch, planned, later=2):
        assert result.outcome is Ending.APPLIED
        assert (len(jobs(lab)), len(files_in(lab))) == (1, FILES)


# --- verify-seed --------------------------------------------------------------------------------------------


async def verified(session: Session) -> RunResult:
    plan = await plan_run(session, "verify-seed", {"model": MODEL, "claim": "models"})
    return await carried_out(session, plan, Person())


async def test_a_seeded_claim_is_proven_and_a_damaged_one_names_the_file(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        await carried_out(session, await planned(session), Person())
        assert (await verified(session)).outcome is Ending.APPLIED
        files_in(lab).remove("config.json")
        result = await verified(session)
    assert isinstance(result.error, StepFailed)
    assert "bytes are not what the Hub says: config.json is missing" in str(result.error)
    assert "recheck=true" in result.error.hint


async def test_without_the_hub_the_marker_in_the_claim_is_what_is_proven(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    offline = {"model": MODEL, "claim": "models", "offline": "true"}
    async with session_on(lab, tmp_path) as session:
        await carried_out(session, await planned(session), Person())
        with pytest.raises(Refused, match="main is not known to be a commit"):
            await plan_run(session, "verify-seed", offline)
        lab.server.requests.clear()
        plan = await plan_run(session, "verify-seed", {**offline, "revision": commit_of(MODEL)})
        assert not [item for item in lab.server.requests if item.path.startswith("/hub/")]
        assert (await carried_out(session, plan, Person())).outcome is Ending.APPLIED


async def test_a_recheck_mends_what_a_seeded_claim_has_lost(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        await carried_out(session, await planned(session), Person())
        files_in(lab).remove("config.json")
        assert (await planned(session)).nothing_to_do
        result = await carried_out(session, await planned(session, recheck="true"), Person())
        assert (result.outcome, len(files_in(lab))) == (Ending.APPLIED, FILES)
        assert (await planned(session, recheck="true")).changes


async def test_verifying_what_is_not_there_says_how_to_seed_it(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(UsageError, match="There is no claim models in inference") as refused:
            await verified(session)
    assert refused.value.hint == "vops run seed-model -n inference -p model=Qwen/Qwen3-8B -p claim=models"
