"""A value that is asked for while a run goes on: given before, typed, or refused before anything is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.fixing import Person, driven, session_on
from tests.lab.test_resume_undo import KilledError, only_run
from tests.lab.test_step_kinds import Bench
from vops.errors import ApprovalNeeded, InputError, UsageError
from vops.operations.running.run import RunResult, resume_run, run_plan
from vops.planning.events import Question, RunEvent
from vops.planning.plan import Plan
from vops.render.plan import plan_lines
from vops.render.text import plain

REF = "ref: '${params.target}'"
CHANGE = f"id: c, kind: k8s.patch, title: c, {REF}, set: {{/spec/minReadySeconds: 1}}"
ASK = "id: how, kind: ask, title: Say how many, say: 'How many?', type: int, min: 1, max: 5"
THEN = f"id: t, kind: k8s.patch, title: t, if: steps.how.value > 2, {REF}, set: {{/spec/progressDeadlineSeconds: 900}}"


@pytest_asyncio.fixture
async def bench(start_lab: StartLab, tmp_path: Path) -> AsyncIterator[Bench]:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        yield Bench(lab, session, tmp_path)


async def carried_out(bench: Bench, plan: Plan, person: Person | None = None, **more: Any) -> RunResult:
    person = person or Person()
    going = run_plan(bench.session, plan, approve=person.approve, progress=person.progress, **more)
    return await driven(bench.session, going)


def deadline(bench: Bench) -> int:
    return int(bench.live()["spec"]["progressDeadlineSeconds"])


@pytest.mark.parametrize(("said", "found"), [("4", 900), ("2", 600)])
async def test_an_answer_that_was_given_decides(bench: Bench, said: str, found: int) -> None:
    plan = await bench.plan(CHANGE, ASK, THEN)
    assert "How many?" in plain(plan_lines(plan))
    result = await carried_out(bench, plan, answers={"how": said})
    assert (result.error, deadline(bench)) == (None, found)
    assert {step.id: step.message for step in result.steps}["how"] == f"the answer is {said}"


async def test_a_person_is_asked_for_what_was_not_given(bench: Bench) -> None:
    asked: list[Question] = []

    async def answer(question: Question) -> str:
        asked.append(question)
        return "3"

    result = await carried_out(bench, await bench.plan(CHANGE, ASK, THEN), answer=answer)
    assert (result.error, deadline(bench)) == (None, 900)
    assert (asked[0].step, asked[0].wants["type"], asked[0].wants["max"]) == ("how", "int", 5.0)


@pytest.mark.parametrize(
    ("answers", "error", "why"),
    [
        ({}, ApprovalNeeded, "Say how many: a person has to say"),
        ({"how": "9"}, UsageError, "parameter how: 9 is more than 5"),
        ({"how": "many"}, UsageError, "'many' is not a whole number"),
        ({"how": "3", "who": "me"}, UsageError, "no step asks for who"),
    ],
)
async def test_what_is_missing_or_wrong_is_refused_before_the_run(
    bench: Bench, answers: dict[str, str], error: type[Exception], why: str
) -> None:
    plan = await bench.plan(CHANGE, ASK, THEN)
    with pytest.raises(error, match=why):
        await carried_out(bench, plan, answers=answers)
    assert "minReadySeconds" not in bench.live()["spec"]


async def test_a_default_is_the_answer_where_nobody_is_asked(bench: Bench) -> None:
    result = await carried_out(bench, await bench.plan(CHANGE, f"{ASK}, default: 4", THEN))
    assert (result.error, deadline(bench)) == (None, 900)


class Killer(Person):
    def progress(self, event: RunEvent) -> None:
        super().progress(event)
        if (event.step, event.state) == ("how", "done"):
            raise KilledError


async def test_a_run_that_goes_on_does_not_ask_again(bench: Bench) -> None:
    with pytest.raises(KilledError):
        await carried_out(bench, await bench.plan(CHANGE, ASK, THEN), Killer(), answers={"how": "4"})
    going = resume_run(bench.session, only_run(bench.folder / "state"), approve=Person().approve)
    result = await driven(bench.session, going)
    assert (result.error, deadline(bench)) == (None, 900)


async def test_an_answer_enters_no_change(bench: Bench) -> None:
    late = f"id: t, kind: k8s.patch, {REF}, set: {{/spec/minReadySeconds: '${{steps.how.value}}'}}"
    with pytest.raises(InputError, match=r"steps\.how\.value is measured when the plan is carried out"):
        await bench.plan(ASK, late)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("type: int", "type: k8s.ref", "has the type 'k8s.ref'"),
        ("type: int", "type: number", "has the type 'number'"),
        ("min: 1", "default: 9", "asks for what cannot be: 9 is more than 5"),
        ("min: 1", "match: '['", "asks for what cannot be: unterminated character set"),
        ("min: 1", "min: few", "min: expected `float | null`"),
        ("min: 1", "secret: true", "ask has no key 'secret'"),
    ],
)
async def test_a_question_that_has_no_answer_is_refused(bench: Bench, old: str, new: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        await bench.plan(CHANGE, ASK.replace(old, new))
    assert why.lower() in caught.value.message.lower()
