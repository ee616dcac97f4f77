"""Steps at the same time: one sequence in the journal, one failure that stops the rest, and exact resuming."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, session_on, watched
from tests.lab.test_resume_undo import KilledError, only_run
from tests.lab.test_step_kinds import HEAD
from vops.errors import InputError, Refused, StepFailed
from vops.lab.world import Lab
from vops.operations.running.journal import Journal, read_journal
from vops.operations.running.run import RunResult, plan_run, resume_run, run_plan
from vops.operations.running.runs import Ending
from vops.operations.session import Session
from vops.planning.plan import Plan
from vops.render.plan import plan_lines
from vops.render.text import plain
from vops.runbooks.describe import described, graph
from vops.runbooks.script import load_script

ONE, TWO = "llama3-8b", "qwen3-4b"
LOCKS = f"lock: ['Deployment/{NAMESPACE}/{ONE}', 'Deployment/{NAMESPACE}/{TWO}']\n"
TOP = HEAD.replace("lock: ['${params.target}']\n", LOCKS).replace(
    "  target: {type: k8s.ref, kinds: [apps/v1/Deployment], default: deployment/llama3-8b}\n", ""
)


def ref(name: str) -> str:
    return f"ref: {{kind: Deployment, name: {name}, namespace: {NAMESPACE}}}"


def patch(step: str, name: str, more: str = "") -> str:
    return (
        f"{{id: {step}, kind: k8s.patch, title: Change {name}, {ref(name)}, set: {{/spec/minReadySeconds: 7}}{more}}}"
    )


def soak(step: str, name: str, seconds: int, more: str = "") -> str:
    return f"{{id: {step}, kind: soak, title: Watch {name}, {ref(name)}, for: {seconds}s, timeout: 20m{more}}}"


def failing(step: str, more: str = "") -> str:
    return (
        f"{{id: {step}, kind: k8s.wait, title: Fail, {ref(TWO)}, until: 'false', failWhen: 'true', timeout: 1m{more}}}"
    )


def abreast(*steps: str, name: str = "both") -> str:
    return f"  - id: {name}\n    kind: parallel\n    steps:\n" + "".join(f"      - {step}\n" for step in steps)


BOTH = abreast(patch("a", ONE), patch("b", TWO)) + abreast(soak("c", ONE, 20), soak("d", TWO, 30), name="w")


class Place:
    """A lab with two servers; time passes when every task of a run sleeps."""

    def __init__(self, lab: Lab, session: Session, folder: Path) -> None:
        self.lab, self.session, self.folder = lab, session, folder

    async def plan(self, steps: str) -> Plan:
        path = self.folder / "one.yaml"
        path.write_text(TOP + steps)
        return await plan_run(self.session, str(path), {"namespace": NAMESPACE})

    async def through(self, work: Coroutine[Any, Any, RunResult]) -> RunResult:
        return await watched(self.lab, work)

    async def run(self, steps: str) -> RunResult:
        person = Person()
        return await self.through(run_plan(self.session, await self.plan(steps), approve=person.approve))

    async def resume(self) -> RunResult:
        person = Person()
        return await self.through(resume_run(self.session, only_run(self.folder / "state"), approve=person.approve))

    def seconds(self, name: str) -> int:
        return int(self.lab.store.get("apps/v1", "Deployment", NAMESPACE, name)["spec"].get("minReadySeconds", 0))

    def patches(self, name: str) -> int:
        path = f"/deployments/{name}"
        sent = [item for item in self.lab.server.writes if item.method == "PATCH" and item.path.endswith(path)]
        return sum(item.status == 200 and "dryRun" not in item.query for item in sent)


@pytest_asyncio.fixture
async def place(start_lab: StartLab, tmp_path: Path) -> AsyncIterator[Place]:
    lab = await start_lab("gated-model")
    lab.store.delete("apps/v1", "Deployment", NAMESPACE, ONE)
    lab.world.settle()
    document = lab.store.get("apps/v1", "Deployment", NAMESPACE, TWO)
    copy = {**document, "metadata": {"name": ONE, "namespace": NAMESPACE, "annotations": {"a": "b"}}}
    copy["spec"] = {**document["spec"], "replicas": 0}
    lab.store.create(copy)
    lab.world.settle()
    async with session_on(lab, tmp_path / "state") as session:
        yield Place(lab, session, tmp_path)


async def test_steps_beside_each_other_begin_before_any_of_them_ends(place: Place) -> None:
    result = await place.run(BOTH)
    assert (result.error, place.seconds(ONE), place.seconds(TWO)) == (None, 7, 7)
    events = [entry.data for entry in read_journal(Path(result.journal)) if entry.type == "event"]
    told = [(event["step"], event["state"]) for event in events if event["step"] in ("c", "d")]
    assert {told[0], told[1]} == {("c", "running"), ("d", "running")}
    assert told[-1] == ("d", "done")


async def test_a_plan_says_what_goes_on_at_the_same_time(place: Place) -> None:
    plan = await place.plan(BOTH)
    text = plain(plan_lines(plan))
    assert "3 Watch llama3-8b  (at the same time as 4, 20m at most)" in text
    assert not place.lab.server.writes or all(
        "reviews" in item.path or "dryRun" in item.query for item in place.lab.server.writes
    )


async def test_a_failure_stops_the_others_and_takes_everything_back(place: Place) -> None:
    began = place.lab.clock.time()
    waits = abreast(soak("c", ONE, 900), failing("d", ", onFail: undo"), name="w")
    result = await place.run(abreast(patch("a", ONE), patch("b", TWO)) + waits)
    assert isinstance(result.error, StepFailed)
    assert (result.error.dirty, place.seconds(ONE), place.seconds(TWO)) == (False, 0, 0)
    assert place.lab.clock.time() - began < 600
    message = {step.id: step.message for step in result.steps}["c"]
    assert message == "stopped, since this has failed: Fail"


async def test_a_failure_that_the_run_goes_on_after_stops_nobody(place: Place) -> None:
    result = await place.run(
        abreast(soak("c", ONE, 30), failing("d", ", onFail: continue")) + f"  - {patch('a', TWO)}\n"
    )
    assert result.error is None
    assert {step.id: str(step.state) for step in result.steps} == {"c": "done", "d": "failed", "a": "done"}


async def test_a_failure_in_a_block_is_rescued(place: Place) -> None:
    inner = textwrap.indent(abreast(soak("c", ONE, 900), failing("d")), "    ")
    steps = f"  - id: blk\n    kind: block\n    steps:\n{inner}    rescue:\n      - {patch('a', TWO)}\n"
    result = await place.run(steps)
    assert (result.error, place.seconds(TWO)) == (None, 7)


async def test_a_run_killed_after_any_line_goes_on_to_the_same_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, seen = Journal.note, set[tuple[str, ...]]()

    def kill(journal: Journal, kind: str, data: Any) -> None:
        note(journal, kind, data)
        words = (kind, *(str(getattr(data, name, "")) for name in ("step", "state", "phase", "path", "dry_run")))
        if words not in seen:
            seen.add(words)
            place.lab.server.trouble.drop(times=1000, method="DELETE", path="/leases")
            raise KilledError

    monkeypatch.setattr(Journal, "note", kill)
    plan = await place.plan(BOTH)
    person = Person()
    with pytest.raises(KilledError):
        await place.through(run_plan(place.session, plan, approve=person.approve))
    for _ in range(60):
        place.lab.server.trouble.clear()
        if only_run(place.folder / "state").ending is Ending.APPLIED:
            break
        try:
            await place.resume()
        except KilledError:
            continue
    assert only_run(place.folder / "state").ending is Ending.APPLIED
    assert [place.seconds(name) for name in (ONE, TWO)] == [7, 7]
    assert [place.patches(name) for name in (ONE, TWO)] == [1, 1]
    assert len(seen) > 15


async def test_an_answer_that_is_lost_on_one_side_leaves_the_other_alone(place: Place) -> None:
    place.lab.server.trouble.drop(times=1, method="PATCH", path=f"/deployments/{ONE}", after_write=True)
    result = await place.run(BOTH)
    assert (result.error, [place.patches(name) for name in (ONE, TWO)][1]) == (None, 1)
    assert [place.seconds(name) for name in (ONE, TWO)] == [7, 7]


async def test_one_object_is_not_changed_by_two_at_once(place: Place) -> None:
    with pytest.raises(Refused, match="steps a and b would change deployment/qwen3-4b in inference at the same time"):
        await place.plan(
            abreast(patch("a", TWO), patch("b", TWO).replace("minReadySeconds", "progressDeadlineSeconds"))
        )


ASK = "{id: q, kind: instruct, say: Look}"
LOOK = f"{{id: l, kind: gpu.fit, {ref(ONE)}}}"


SOAKS = (soak("c", ONE, 5), soak("d", TWO, 5))
LOOP = f"{{id: f, kind: forEach, of: [1], steps: [{patch('b', TWO)}]}}"
A, B = patch("a", ONE), patch("b", TWO)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (abreast(A), "a parallel has from 2 to 8 steps, and not 1"),
        (abreast(*(soak(f"s{number}", ONE, 5) for number in range(9))), "from 2 to 8 steps, and not 9"),
        (abreast(A, ASK), "step q cannot go on beside others: it asks a person"),
        (abreast(A, patch("b", TWO, ", gate: confirm")), "step b cannot go on beside others: it asks"),
        (abreast(A, LOOK), "step l cannot go on beside others: it looks"),
        (abreast(A, patch("b", TWO, ", then: z")) + f"  - {patch('z', TWO)}\n", "it leads elsewhere"),
        (abreast(SOAKS[0], soak("d", TWO, 5, ", if: steps.c.restarts > 0")), "undeclared reference to 'steps.c"),
        (f"  - {patch('a', ONE, ', then: d')}\n" + abreast(*SOAKS), "in another block, loop or parallel"),
        (abreast(A, LOOP), "neither a block, a loop nor another parallel can stand in a parallel"),
        (abreast(A, B).replace("steps:", "wait: 1\n    steps:"), "parallel has no key 'wait'"),
    ],
)
def test_what_cannot_go_on_at_the_same_time_is_named(steps: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        load_script(TOP + steps, "bad.yaml")
    assert why in caught.value.message
    assert caught.value.message.startswith("bad.yaml:")


def test_pages_and_graphs_show_it() -> None:
    found = load_script(TOP + BOTH, "one.yaml").runbook
    assert "Watch llama3-8b (at the same time as the others of w)" in described(found)
    drawn = graph(found)
    assert all(f"{left} --> {right}" in drawn for left in "ab" for right in "cd")
    assert "a --> b" not in drawn
    assert all(f"{left} --> the_end" in drawn for left in "cd")
