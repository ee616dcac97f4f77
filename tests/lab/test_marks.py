"""A changed workload names the run that changed it; taking back takes that away, and the fields' ownership too."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, session_on
from tests.lab.test_fix_five import carried_out
from tests.lab.test_resume_undo import only_run
from tests.lab.test_step_kinds import Bench
from vops.errors import StepFailed
from vops.lab.world import Lab
from vops.operations.running.runs import past_run
from vops.operations.running.undo import plan_undo
from vops.planning.changes import CAUSE, RUN

NAME = "llama3-8b"
REF = "ref: '${params.target}'"
CHANGE = f"id: c, kind: k8s.patch, title: c, {REF}, set: {{/spec/minReadySeconds: 1}}"
AGAIN = f"id: d, kind: k8s.patch, title: d, {REF}, set: {{/spec/progressDeadlineSeconds: 900}}"
BAD = f"id: w, kind: k8s.wait, {REF}, until: 'false', failWhen: 'true', timeout: 1m, onFail: undo"


def notes(lab: Lab) -> dict[str, str]:
    found: dict[str, str] = lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME)["metadata"]["annotations"]
    return {key: value for key, value in found.items() if key in (CAUSE, RUN)}


def edit(lab: Lab, **notes: str) -> None:
    document = copy.deepcopy(lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME))
    document["metadata"]["annotations"] |= notes
    lab.store.update(document, manager="kubectl")


def owned(lab: Lab) -> Any:
    """What vops owns of the workload by its updates."""
    found = lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME)["metadata"]["managedFields"]
    return [item["fieldsV1"] for item in found if item["manager"] == "vops"]


def pods(lab: Lab) -> set[str]:
    return {item["metadata"]["uid"] for item in lab.store.list("v1", "Pod", NAMESPACE)}


async def test_a_changed_workload_names_the_run_and_no_pod_is_made_anew(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        before = pods(lab)
        result = await Bench(lab, session, tmp_path).run(CHANGE, AGAIN)
        await lab.advance(120)
    assert notes(lab) == {CAUSE: "vops one: One step", RUN: result.run_id}
    assert pods(lab) == before
    revisions = [item["metadata"]["annotations"] for item in lab.store.list("apps/v1", "ReplicaSet", NAMESPACE)]
    assert any(item.get("deployment.kubernetes.io/revision") == "1" for item in revisions)


@pytest.mark.parametrize("old", [{}, {CAUSE: "by hand"}], ids=["none", "another"])
async def test_undo_brings_the_old_marks_back_and_gives_the_fields_up(
    start_lab: StartLab, tmp_path: Path, old: dict[str, str]
) -> None:
    lab = await start_lab("healthy")
    edit(lab, **old)
    async with session_on(lab, tmp_path / "state") as session:
        result = await Bench(lab, session, tmp_path).run(CHANGE, AGAIN)
        assert owned(lab)
        plan = await plan_undo(session, past_run(tmp_path / "state", result.run_id))
        undone = await carried_out(session, plan, Person())
    assert (undone.error, notes(lab), owned(lab)) == (None, old, [])


async def test_what_is_taken_back_at_once_is_given_up_too(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        result = await Bench(lab, session, tmp_path).run(CHANGE, AGAIN, BAD)
    assert isinstance(result.error, StepFailed)
    assert (result.error.dirty, notes(lab), owned(lab)) == (False, {}, [])


async def test_a_server_side_apply_after_undo_meets_no_conflict(start_lab: StartLab, tmp_path: Path) -> None:
    """As a Helm 4 upgrade does that wants another value."""
    lab = await start_lab("healthy")
    wanted = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"progressDeadlineSeconds": 1200},
    }
    async with session_on(lab, tmp_path / "state") as session:
        result = await Bench(lab, session, tmp_path).run(AGAIN)
        plan = await plan_undo(session, past_run(tmp_path / "state", result.run_id))
        await carried_out(session, plan, Person())
    lab.store.apply(wanted, manager="helm")
    live = lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME)
    assert live["spec"]["progressDeadlineSeconds"] == 1200


async def test_fields_of_another_run_stay_ours(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        bench = Bench(lab, session, tmp_path)
        first = await bench.run(AGAIN)
        await lab.advance(2)
        await bench.run(CHANGE)
        plan = await plan_undo(session, past_run(tmp_path / "state", first.run_id))
        await carried_out(session, plan, Person())
    (left,) = owned(lab)
    assert left["f:spec"] == {"f:minReadySeconds": {}}


async def test_somebody_elses_cause_stops_neither_a_run_nor_its_undo(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        bench = Bench(lab, session, tmp_path)
        plan = await bench.plan(CHANGE, BAD)
        edit(lab, **{CAUSE: "by hand"})
        person = Person()
        result = await carried_out(session, plan, person)
        assert isinstance(result.error, StepFailed)
        assert not result.error.dirty
        assert "minReadySeconds" not in bench.live()["spec"]
    assert only_run(tmp_path / "state").id == result.run_id


async def test_what_git_owns_is_not_marked(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    edit(lab, **{CAUSE: "release 7", "argocd.argoproj.io/tracking-id": f"serving:apps/Deployment:{NAMESPACE}/{NAME}"})
    async with session_on(lab, tmp_path / "state") as session:
        plan = await Bench(lab, session, tmp_path).plan(CHANGE)
    written = {item["path"] for change in plan.changes for item in change.operations}
    assert not any("annotations" in path for path in written)


async def test_an_undo_whose_fields_cannot_be_given_up_still_counts(
    start_lab: StartLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        result = await Bench(lab, session, tmp_path).run(CHANGE)
        plan = await plan_undo(session, past_run(tmp_path / "state", result.run_id))

        def refuse(*_: Any) -> list[Any]:
            return [{"op": "test", "path": "/metadata/managedFields/0/manager", "value": "nobody"}]

        monkeypatch.setattr("vops.runbooks.apply.handed_back", refuse)
        undone = await carried_out(session, plan, Person())
    assert undone.error is None
    assert "vops still owns its fields, which a server-side apply may stop on" in undone.steps[0].message
