"""rotate-hf-token on the lab: a person puts the token in, or it is in another Secret; what uses it starts anew."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, driven, session_on
from tests.lab.test_fix_five import carried_out, live
from vops.errors import ApprovalNeeded, NotVerified, StepFailed
from vops.lab.documents import Document, copy_of
from vops.lab.manifests import container_of
from vops.lab.world import Lab
from vops.operations.running.journal import read_journal
from vops.operations.running.run import RunResult, plan_run, resume_run
from vops.operations.running.runs import Ending, past_runs
from vops.operations.running.undo import plan_undo
from vops.operations.session import Session
from vops.planning.events import Question, StepState
from vops.planning.plan import Decision, Gate, Plan

APPROVED, NEWCOMER = "hf_lab_approved", "hf_lab_newcomer"


class Typist(Person):
    """Puts a token into the Secret when asked to."""

    def __init__(self, lab: Lab, token: str) -> None:
        super().__init__()
        self._lab, self._token = lab, token

    async def approve(self, question: Question) -> bool:
        if question.gate is Gate.INSTRUCT and "Put the new token" in question.title:
            secret = copy_of(self._lab.store.get("v1", "Secret", NAMESPACE, "hf-token"))
            secret["data"]["token"] = base64.b64encode(self._token.encode()).decode()
            self._lab.store.update(secret, manager="kubectl")
        return await super().approve(question)


async def planned(session: Session, **params: Any) -> Plan:
    return await plan_run(session, "rotate-hf-token", params)


def variable(lab: Lab) -> Document:
    (found,) = (item for item in container_of(live(lab, "llama3-8b"))["env"] if item["name"] == "HF_TOKEN")
    return dict(found)


async def test_a_new_token_in_the_same_secret_starts_anew_what_uses_it(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session)
        assert [change.target.name for change in plan.changes] == ["llama3-8b"]
        result = await carried_out(session, plan, Typist(lab, APPROVED))
    assert (result.outcome, result.error) == (Ending.FIXED, None)
    assert live(lab, "llama3-8b")["status"]["readyReplicas"] == 1
    assert "hf_lab" not in str(read_journal(Path(result.journal)))


async def test_another_secret_is_referred_to_and_undo_refers_back(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, to="hf-token-approved")
        assert next(step for step in plan.steps if step.id == "put").decision is Decision.SKIPPED
        result = await carried_out(session, plan, Person())
        assert (result.outcome, variable(lab)["valueFrom"]["secretKeyRef"]["name"]) == (
            Ending.FIXED,
            "hf-token-approved",
        )
        (run,) = past_runs(tmp_path)[0]
        await carried_out(session, await plan_undo(session, run), Person())
    assert variable(lab)["valueFrom"]["secretKeyRef"] == {"name": "hf-token", "key": "token"}


async def test_a_token_that_does_not_help_is_told_after_the_rollout(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        result = await carried_out(session, await planned(session), Typist(lab, NEWCOMER))
    assert isinstance(result.error, NotVerified)
    assert result.error.hint == "vops diagnose deployment/llama3-8b -n inference"


async def test_a_secret_that_nothing_uses_needs_no_rotation(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, secret="other")
    assert plan.nothing_to_do
    assert any("Nothing that runs uses Secret other" in note for note in plan.notes)


async def test_a_secret_that_is_not_there_is_noticed_and_the_old_one_taken_back(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        result = await carried_out(session, await planned(session, to="misspelt/token"), Person())
    assert isinstance(result.error, StepFailed)
    assert not result.error.dirty
    assert 'secret "misspelt" not found' in str(result.error)
    assert variable(lab)["valueFrom"]["secretKeyRef"] == {"name": "hf-token", "key": "token"}


class Absent(Person):
    """`--yes` in CI: agrees to everything, and nobody is there to do what is for a person."""

    async def approve(self, question: Question) -> bool:
        if question.gate is Gate.INSTRUCT:
            raise ApprovalNeeded(f"{question.title}\n{question.text}")
        return await super().approve(question)


async def test_what_is_left_for_a_person_is_no_failure_and_the_run_goes_on_from_there(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(session, to="hf-token-approved")
        result = await carried_out(session, plan, Absent())
        assert isinstance(result.error, ApprovalNeeded)
        assert (result.outcome, result.steps[-1].state) == (Ending.WAITING, StepState.WAITING)
        (run,) = past_runs(tmp_path)[0]
        resumed = resume_run(session, run, approve=Person().approve)
        again: RunResult = await driven(session, resumed)
    assert (again.outcome, again.error) == (Ending.FIXED, None)
