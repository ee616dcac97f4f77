"""A run that is killed after any line of its journal goes on to the same end; one that ended can be taken back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, deployment, driven, session_on
from tests.lab.test_fix_five import FAILURES, carried_out, live, the_plan
from vops.errors import ApprovalNeeded, Forbidden, InputError, Refused, UsageError
from vops.lab.clock import LabClock
from vops.lab.world import Lab
from vops.operations.fix import plan_fix
from vops.operations.running.journal import START, Journal, _digest, read_journal
from vops.operations.running.journal_copy import KEY, PREFIX, fetch_run
from vops.operations.running.run import RunResult, plan_run, resume_run
from vops.operations.running.runs import Ending, PastRun, past_run, past_runs
from vops.operations.running.undo import plan_undo
from vops.operations.session import Session
from vops.planning.changes import UNDO_UNTIL
from vops.planning.marks import instant


class KilledError(BaseException):
    """The process is gone."""


def kill_after(lab: Lab, monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    """The run ends with that line of its journal, and cannot free its locks."""
    note = Journal.note
    left = [lines]

    def once(journal: Journal, kind: str, data: Any) -> None:
        note(journal, kind, data)
        left[0] -= 1
        if not left[0]:
            lab.server.trouble.drop(times=1000, method="DELETE", path="/leases")
            raise KilledError

    monkeypatch.setattr(Journal, "note", once)


async def fixed(session: Session, workload: str, params: dict[str, Any]) -> RunResult:
    found = await plan_fix(session, deployment(workload), params=params)
    return await carried_out(session, the_plan(found), Person())


async def resumed(session: Session, run: PastRun, *, agrees: bool = True) -> RunResult:
    person = Person(agrees=agrees)
    going = resume_run(session, run, approve=person.approve, progress=person.progress)
    return await driven(session, going)


def only_run(state: Path) -> PastRun:
    (run,), problems = past_runs(state)
    assert not problems
    return run


def patches(lab: Lab, workload: str) -> int:
    """How often the workload was patched in earnest and with success."""
    path = f"/deployments/{workload}"
    sent = [item for item in lab.server.writes if item.method == "PATCH" and item.path.endswith(path)]
    return sum(item.status == 200 and "dryRun" not in item.query for item in sent)


async def told(start_lab: StartLab, state: Path, scenario: str, workload: str, params: dict[str, Any]) -> list[int]:
    """The lines of a whole run's journal that differ in kind from the one before them."""
    lab = await start_lab(scenario)
    async with session_on(lab, state) as session:
        result = await fixed(session, workload, params)
    entries = read_journal(Path(result.journal))
    shapes = [
        (entry.type, entry.data.get("step"), entry.data.get("state"), entry.data.get("phase")) for entry in entries
    ]
    return [number for number, shape in enumerate(shapes, 1) if number == 1 or shape != shapes[number - 2]]


@pytest.mark.parametrize(("scenario", "workload", "cause", "params"), FAILURES)
async def test_a_run_killed_after_any_line_goes_on_to_the_same_end(
    start_lab: StartLab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scenario: str,
    workload: str,
    cause: str,
    params: dict[str, Any],
) -> None:
    lines = await told(start_lab, tmp_path / "whole", scenario, workload, params)
    for line in lines[:-1]:
        lab, state = await start_lab(scenario, clock=LabClock()), tmp_path / str(line)
        async with session_on(lab, state) as session:
            with monkeypatch.context() as patched:
                kill_after(lab, patched, line)
                with pytest.raises(KilledError):
                    await fixed(session, workload, params)
        lab.server.trouble.clear()
        async with session_on(lab, state) as session:
            result = await resumed(session, only_run(state))
        assert (line, result.outcome, patches(lab, workload)) == (line, Ending.FIXED, 1)
        assert only_run(state).ending is Ending.FIXED
        assert not lab.store.list("coordination.k8s.io/v1", "Lease", NAMESPACE)
        await lab.stop()


async def test_a_run_that_has_ended_does_not_go_on(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path) as session:
        await fixed(session, "llama3-8b", {})
        with pytest.raises(Refused, match="has ended: fixed"):
            await resumed(session, only_run(tmp_path))


def without_empties(value: Any) -> Any:
    """Empty lists and mappings mean the same as none."""
    if isinstance(value, dict):
        return {key: without_empties(item) for key, item in value.items() if item not in ({}, [])}
    return [without_empties(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("scenario", "workload", "cause", "params"), FAILURES)
async def test_undo_brings_the_old_fields_back(
    start_lab: StartLab, tmp_path: Path, scenario: str, workload: str, cause: str, params: dict[str, Any]
) -> None:
    lab = await start_lab(scenario)
    before = live(lab, workload)["spec"]
    async with session_on(lab, tmp_path) as session:
        await fixed(session, workload, params)
        plan = await plan_undo(session, only_run(tmp_path))
        assert live(lab, workload)["spec"] != before
        await carried_out(session, plan, Person())
    assert without_empties(live(lab, workload)["spec"]) == without_empties(before)
    assert len(past_runs(tmp_path)[0]) == 2


async def test_undo_keeps_what_others_have_changed_since(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path) as session:
        await fixed(session, "llama3-8b", {})
        document = live(lab, "llama3-8b")
        theirs = {"key": "theirs", "operator": "Exists"}
        document["spec"]["template"]["spec"]["tolerations"].insert(0, theirs)
        document["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "image": "envoy:1"})
        lab.store.update(document)
        plan = await plan_undo(session, only_run(tmp_path))
        await carried_out(session, plan, Person())
    template = live(lab, "llama3-8b")["spec"]["template"]["spec"]
    assert template["tolerations"] == [theirs]
    assert [item["name"] for item in template["containers"]] == ["sidecar", "vllm"]


async def test_what_somebody_set_since_is_left_to_them_and_said(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("kv-cache-too-small")
    async with session_on(lab, tmp_path) as session:
        await fixed(session, "qwen3-8b", {})
        document = live(lab, "qwen3-8b")
        words = document["spec"]["template"]["spec"]["containers"][0]
        key = "args" if words.get("args") else "command"
        words[key][words[key].index("--max-model-len") + 1] = "1024"
        lab.store.update(document)
        with pytest.raises(Refused, match="changed by somebody since"):
            await plan_undo(session, only_run(tmp_path))


async def test_a_run_is_named_by_the_beginning_of_its_id(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path) as session:
        result = await fixed(session, "llama3-8b", {})
    assert past_run(tmp_path, result.run_id[:9]).id == result.run_id
    with pytest.raises(UsageError, match="not a run"):
        past_run(tmp_path, "1999")


async def left_on_a_laptop(lab: Lab, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a fix that was killed in the middle, its journal in `folder`/laptop, its lock expired."""
    async with session_on(lab, folder / "laptop") as session:
        with monkeypatch.context() as patched:
            kill_after(lab, patched, 9)
            with pytest.raises(KilledError):
                await fixed(session, "llama3-8b", {})
    lab.server.trouble.clear()
    await lab.advance(60)
    return only_run(folder / "laptop").id


async def test_another_operator_goes_on_where_a_laptop_was_closed(
    start_lab: StartLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = await start_lab("untolerated-taint")
    run_id = await left_on_a_laptop(lab, tmp_path, monkeypatch)
    async with session_on(lab, tmp_path / "other") as session:
        await fetch_run(session, run_id)
        written = len(lab.server.writes)
        for _ in range(2):
            with pytest.raises(ApprovalNeeded, match="not agreed to"):
                await resumed(session, past_run(tmp_path / "other", run_id), agrees=False)
        assert len(lab.server.writes) == written, "nothing is written before somebody agrees"
        result = await resumed(session, past_run(tmp_path / "other", run_id))
    assert (result.outcome, patches(lab, "llama3-8b")) == (Ending.FIXED, 1)
    assert len(copies(lab)) == 1, "it stays for a day, so that the run can be taken back from anywhere"


def copies(lab: Lab) -> list[str]:
    """The journals that the cluster keeps."""
    names = (item["metadata"]["name"] for item in lab.store.list("v1", "ConfigMap"))
    return [name for name in names if name.startswith(PREFIX)]


async def test_any_machine_may_take_a_run_back_for_a_day_and_then_its_copy_is_removed(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("kv-cache-too-small")
    async with session_on(lab, tmp_path / "here") as session:
        before = live(lab, "qwen3-8b")["spec"]["template"]
        run_id = (await fixed(session, "qwen3-8b", {})).run_id
        notes = live(lab, "qwen3-8b")["metadata"]["annotations"]
        assert notes[UNDO_UNTIL] == instant(only_run(tmp_path / "here").plan.undo_until)
    async with session_on(lab, tmp_path / "there") as session:
        await fetch_run(session, run_id)
        plan = await plan_undo(session, past_run(tmp_path / "there", run_id))
        assert (await carried_out(session, plan, Person())).error is None
    assert (live(lab, "qwen3-8b")["spec"]["template"], copies(lab)) == (before, [])
    assert UNDO_UNTIL not in live(lab, "qwen3-8b")["metadata"]["annotations"]


@pytest.mark.parametrize(("minutes", "kept"), [(5, 2), (15, 1)])
async def test_the_next_run_removes_the_copies_whose_time_is_over(
    start_lab: StartLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: int, kept: int
) -> None:
    monkeypatch.setattr("vops.planning.plan.UNDO_FOR", timedelta(minutes=10))
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        for replicas in (2, 1):
            params = {"target": "deployment/llama3-8b", "replicas": replicas}
            plan = await plan_run(session, "scale", params)
            assert (await carried_out(session, plan, Person())).error is None
            if replicas == 2:
                await lab.advance(minutes * 60)
    assert len(copies(lab)) == kept


async def test_where_copies_cannot_be_found_again_none_is_kept(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("kv-cache-too-small")
    lab.server.access.deny("list", "configmaps")
    async with session_on(lab, tmp_path) as session:
        assert (await fixed(session, "qwen3-8b", {})).outcome is Ending.FIXED
    assert copies(lab) == []


def forged(path: Path, **told: Any) -> None:
    """The journal rewritten by somebody who may write ConfigMaps: its plan shows one thing and sends another."""
    entries = [msgspec.to_builtins(entry) for entry in read_journal(path)]
    for step in entries[0]["data"]["plan"]["steps"]:
        for change in step.get("changes", ()):
            change |= told
    last = START
    for entry in entries:
        entry["prev"] = last
        last = entry["hash"] = _digest(entry["n"], entry["at"], entry["type"], entry["data"], last)
    path.write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))


async def test_a_fetched_run_is_shown_as_its_requests_are_and_not_as_it_says(
    start_lab: StartLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = await start_lab("untolerated-taint")
    run_id = await left_on_a_laptop(lab, tmp_path, monkeypatch)
    person = Person(agrees=False)
    async with session_on(lab, tmp_path / "other") as session:
        path = await fetch_run(session, run_id)
        forged(path, summary="Nothing \x1b[2J to see", before={}, after={"kind": "Deployment", "spec": "harmless"})
        run = past_run(tmp_path / "other", run_id)
        with pytest.raises(ApprovalNeeded):
            await driven(session, resume_run(session, run, approve=person.approve))
    (question,) = person.questions
    assert "harmless" not in question.text
    assert "nvidia.com/gpu" in question.text
    assert "\x1b" not in question.text + run.plan.changes[0].summary


@pytest.mark.parametrize("data", [None, {}, {KEY: "{}\n"}, {KEY: "no journal"}], ids=range(4))
async def test_a_damaged_copy_is_named_and_not_kept(start_lab: StartLab, tmp_path: Path, data: Any) -> None:
    lab = await start_lab("untolerated-taint")
    name = f"{PREFIX}20260101-000000-abcdef"
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}}
    lab.store.create(document | ({} if data is None else {"data": data}))
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(InputError, match="the journal's copy is damaged") as raised:
            await fetch_run(session, "20260101-000000-abcdef")
    assert raised.value.path == f"configmap/{name} -n {NAMESPACE}"
    assert past_runs(tmp_path) == ([], [])


async def test_without_the_permission_a_run_says_that_only_this_machine_can_resume_it(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("untolerated-taint")
    lab.server.access.deny("*", "configmaps")
    async with session_on(lab, tmp_path) as session:
        person = Person()
        plan = the_plan(await plan_fix(session, deployment("llama3-8b")))
        result = await carried_out(session, plan, person)
        with pytest.raises(Forbidden):
            await fetch_run(session, "20260101-000000-abcdef")
    assert result.outcome is Ending.FIXED
    said = [event.message for event in person.events if "only this machine can resume" in event.message]
    assert len(said) == 1
