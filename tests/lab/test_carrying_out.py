"""Carrying out a plan: rechecked, tried, written once, and taken back when a later step fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, SteppingClock, deployment
from tests.unit.runbooks.runbook_world import planned, script
from vops.adapters.kube import KubeCluster
from vops.errors import ApprovalNeeded, PlanStale, StepFailed, TimedOut, Unavailable, Unreachable, VopsError
from vops.lab.disturbances import Disturbance
from vops.lab.world import Lab
from vops.model.snapshot import ClusterSnapshot
from vops.planning.events import StepState
from vops.planning.plan import Identity, Plan
from vops.runbooks.host import Host, Outcome
from vops.runbooks.planner import World
from vops.runbooks.runner import execute

TARGET = deployment("llama3-8b")
DEADLINE = """\
  - {id: a, kind: k8s.patch, title: Wait longer, ref: '${params.target}', set: {/spec/progressDeadlineSeconds: 900}}
"""
PATH = f"/deployments/{TARGET.name}"


class Place:
    """A lab, a way to it, and plans for its Deployment."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.clock = SteppingClock(lab)
        self.cluster = KubeCluster.at(lab.url, lab.token)
        self.person = Person()
        self.kept: list[str] = []

    def live(self) -> dict[str, Any]:
        return self.lab.store.get("apps/v1", "Deployment", NAMESPACE, TARGET.name)

    @property
    def deadline(self) -> int:
        return int(self.live()["spec"]["progressDeadlineSeconds"])

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """What somebody else does meanwhile."""
        document = self.live()
        change(document["spec"])
        self.lab.store.update(document)

    def plan(self, steps: str) -> Plan:
        world = World(ClusterSnapshot(self.clock.now()), Identity("lab"), {TARGET: self.live()})
        return planned(script(steps), world, namespace=NAMESPACE, target="deployment/llama3-8b")

    async def execute(self, plan: Plan) -> Outcome:
        async def observe(_: object) -> ClusterSnapshot:
            return ClusterSnapshot(self.clock.now())

        host = Host(
            cluster=self.cluster,
            clock=self.clock,
            observe=observe,
            approve=self.person.approve,
            progress=self.person.progress,
            still_mine=lambda: None,
            keep=lambda step, snapshot: self.kept.append(step),
        )
        return await self.clock.run(execute(plan, host))

    def lose_answers(self, *, first: int, after_write: bool) -> None:
        """Drops the connection of every PATCH from the `first` on (the first one is the dry run)."""
        seen = 0

        def take(method: str, path: str) -> Disturbance | None:
            nonlocal seen
            seen += method == "PATCH"
            lost = method == "PATCH" and seen >= first
            return Disturbance(1, after_write=after_write) if lost else None

        self.lab.server.trouble.take = take  # type: ignore[method-assign]  # watched


@pytest_asyncio.fixture
async def place(start_lab: StartLab) -> AsyncIterator[Place]:
    found = Place(await start_lab("healthy"))
    yield found
    await found.cluster.close()


async def test_a_change_is_tried_first_and_then_written_once(place: Place) -> None:
    plan = place.plan(DEADLINE)
    outcome = await place.execute(plan)
    patches = [request for request in place.lab.server.requests if request.method == "PATCH"]
    assert ["dryRun" in request.query for request in patches] == [True, False]
    assert (place.deadline, outcome.error) == (900, None)
    assert [(record.id, record.state, record.message) for record in outcome.steps] == [
        ("a", StepState.DONE, "Wait longer")
    ]


async def test_a_newer_edit_of_a_touched_field_makes_the_plan_stale(place: Place) -> None:
    plan = place.plan(DEADLINE)
    place.edit(lambda spec: spec.update(progressDeadlineSeconds=700))
    outcome = await place.execute(plan)
    assert isinstance(outcome.error, PlanStale)
    assert "/spec/progressDeadlineSeconds has changed since the plan was made, it is now 700" in str(outcome.error)
    assert not place.lab.server.writes


async def test_a_newer_edit_elsewhere_does_not(place: Place) -> None:
    plan = place.plan(DEADLINE)
    place.edit(lambda spec: spec.update(minReadySeconds=3))
    outcome = await place.execute(plan)
    assert (outcome.error, place.deadline) == (None, 900)


async def test_another_object_of_the_same_name_makes_the_plan_stale(place: Place) -> None:
    plan = place.plan(DEADLINE)
    document = place.live()
    place.lab.store.delete("apps/v1", "Deployment", NAMESPACE, TARGET.name)
    for key in ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"):
        document["metadata"].pop(key, None)
    place.lab.store.create(document)
    outcome = await place.execute(plan)
    assert isinstance(outcome.error, PlanStale)
    assert "made anew" in str(outcome.error)


async def test_a_change_that_the_server_refuses_fails_clean(place: Place) -> None:
    outcome = await place.execute(place.plan(REFUSED))
    assert isinstance(outcome.error, StepFailed)
    assert "field is immutable" in str(outcome.error)
    assert not outcome.error.dirty
    assert not place.lab.server.writes


async def test_a_write_whose_answer_is_lost_is_found_to_have_landed(place: Place) -> None:
    plan = place.plan(DEADLINE)
    place.lose_answers(first=2, after_write=True)
    outcome = await place.execute(plan)
    assert (outcome.error, place.deadline) == (None, 900)


async def test_a_write_that_was_lost_before_it_landed_ends_the_run(place: Place) -> None:
    plan = place.plan(DEADLINE)
    place.lose_answers(first=2, after_write=False)
    outcome = await place.execute(plan)
    assert isinstance(outcome.error, (Unavailable, Unreachable))
    assert place.deadline == 600


async def test_an_unavailable_server_is_tried_again_as_often_as_the_step_says(place: Place) -> None:
    plan = place.plan(DEADLINE.replace("title", "retry: {max: 2, delay: 3s}, title"))
    place.lab.server.trouble.fail(503, times=2, method="PATCH", path=PATH)
    outcome = await place.execute(plan)
    assert (outcome.error, place.deadline) == (None, 900)


REFUSED = """\
  - id: b
    kind: k8s.patch
    title: Break it
    ref: '${params.target}'
    set: {/spec/selector/matchLabels/app: other}
    onFail: undo
"""


async def test_a_failing_step_takes_back_what_was_done(place: Place) -> None:
    outcome = await place.execute(place.plan(DEADLINE + REFUSED))
    assert isinstance(outcome.error, StepFailed)
    assert (outcome.error.dirty, place.deadline) == (False, 600)
    assert [record.state for record in outcome.steps] == [StepState.UNDONE, StepState.FAILED]


async def test_undo_leaves_alone_what_somebody_changed_since(place: Place) -> None:
    plan = place.plan(DEADLINE + "  - {id: h, kind: instruct, say: Look}\n" + REFUSED)

    async def edit_meanwhile(question: object) -> bool:
        place.edit(lambda spec: spec.update(progressDeadlineSeconds=1234))
        return True

    place.person.approve = edit_meanwhile  # type: ignore[method-assign]  # watched
    outcome = await place.execute(plan)
    assert isinstance(outcome.error, StepFailed)
    assert (outcome.error.dirty, place.deadline) == (True, 1234)


async def test_what_a_runbook_keeps_is_not_taken_back(place: Place) -> None:
    outcome = await place.execute(place.plan(DEADLINE.replace("title", "undo: false, why: So, title") + REFUSED))
    assert isinstance(outcome.error, StepFailed)
    assert (outcome.error.dirty, place.deadline) == (True, 900)


WAIT = """\
  - {id: w, kind: k8s.rolloutStatus, title: Wait, ref: '${params.target}', timeout: TIME, evidence: true, onFail: FAIL}
"""
BROKEN = "  - {id: a, kind: k8s.patch, ref: '${params.target}', set: {'@vllm/image': 'vllm/vllm-openai:v0.0.0'}}\n"


async def test_a_failed_wait_undoes_the_change_and_keeps_the_evidence(place: Place) -> None:
    before = place.live()["spec"]
    outcome = await place.execute(place.plan(BROKEN + WAIT.replace("TIME", "1h").replace("FAIL", "undo")))
    assert isinstance(outcome.error, StepFailed)
    assert "v0.0.0" in str(outcome.error)
    assert (place.live()["spec"], place.kept) == (before, ["w"])


@pytest.mark.parametrize(("on_fail", "error"), [("stop", TimedOut), ("continue", type(None))])
async def test_a_wait_ends_with_its_time(place: Place, on_fail: str, error: type[VopsError]) -> None:
    outcome = await place.execute(place.plan(BROKEN + WAIT.replace("TIME", "20s").replace("FAIL", on_fail)))
    assert isinstance(outcome.error, error)
    assert outcome.steps[-1].state is StepState.FAILED


async def test_an_instruction_that_nobody_follows_ends_the_run(place: Place) -> None:
    place.person.agrees = False
    outcome = await place.execute(place.plan("  - {id: h, kind: instruct, say: Ask for access}\n" + DEADLINE))
    assert isinstance(outcome.error, ApprovalNeeded)
    assert (outcome.error.hint, place.deadline) == ("Ask for access", 600)


async def test_a_gate_asks_before_the_step(place: Place) -> None:
    await place.execute(place.plan(DEADLINE.replace("title", "gate: type-name, title")))
    (question,) = place.person.questions
    assert (question.gate, str(question.target)) == ("type-name", "deployment/llama3-8b in inference")


async def test_a_long_wait_shows_that_it_lives(place: Place) -> None:
    """CI kills a job that says nothing; half a minute is what it has to wait at most."""
    await place.execute(place.plan(BROKEN + WAIT.replace("TIME", "100s").replace("FAIL", "stop")))
    spoken = [event.at.timestamp() for event in place.person.events if event.step == "w"]
    assert max(later - earlier for earlier, later in pairwise(spoken)) <= 32


HEALTH = "{id: h, kind: http, ref: '${params.target}', path: /health, timeout: 1m}"
GONE = "{id: bad, kind: k8s.wait, ref: '${params.target}', until: 'false', failWhen: 'true', timeout: 1m}"
FIRST, SECOND, THIRD = (
    f"{{id: {name}, kind: k8s.patch, title: t, ref: '${{params.target}}', set: {{/spec/{field}: 900}}}}"
    for name, field in (
        ("first", "minReadySeconds"),
        ("second", "progressDeadlineSeconds"),
        ("third", "revisionHistoryLimit"),
    )
)


def told(outcome: Outcome) -> dict[str, str]:
    return {record.id: str(record.state) for record in outcome.steps}


def blocked(steps: str, **sections: str) -> str:
    more = "".join(f"    {name}: [{text}]\n" for name, text in sections.items())
    return f"  - id: try\n    kind: block\n    steps: [{steps}]\n{more}"


async def test_what_is_measured_decides_while_the_run_goes(place: Place) -> None:
    conditional = THIRD.replace("title", "if: 'steps.h.status == 503', title")
    unfit = "{id: no, kind: assert, that: [{cel: steps.h.pods > 5, say: 'Only ${steps.h.pods} serve'}], onFail: undo}"
    outcome = await place.execute(place.plan(f"  - {FIRST}\n  - {HEALTH}\n  - {conditional}\n  - {unfit}\n"))
    assert told(outcome) == {"first": "undone", "h": "done", "third": "skipped", "no": "failed"}
    assert "Only 4 serve" in str(outcome.error)
    assert isinstance(outcome.error, StepFailed)
    assert not outcome.error.dirty


async def test_a_rescue_takes_the_place_of_what_failed(place: Place) -> None:
    steps = blocked(f"{GONE}, {FIRST}", rescue=SECOND) + f"  - {THIRD}\n"
    outcome = await place.execute(place.plan(steps))
    assert (told(outcome), outcome.error) == ({"bad": "failed", "second": "done", "third": "done"}, None)


async def test_nothing_is_rescued_when_nothing_failed(place: Place) -> None:
    outcome = await place.execute(place.plan(blocked(FIRST, rescue=SECOND)))
    assert (told(outcome), outcome.error) == ({"first": "done", "second": "skipped"}, None)


async def test_what_is_always_done_is_done_after_a_failure_and_before_the_end(place: Place) -> None:
    outcome = await place.execute(place.plan(blocked(f"{FIRST}, {GONE}", always=SECOND) + f"  - {THIRD}\n"))
    assert told(outcome) == {"first": "done", "bad": "failed", "second": "done"}
    assert place.deadline == 900
    assert isinstance(outcome.error, StepFailed)


async def test_a_wait_that_stalls_is_tried_again_as_often_as_it_may(place: Place) -> None:
    stalls = GONE.replace("failWhen: 'true'", "stall: {of: obj.spec.replicas, for: 10s}")
    retried = stalls.replace("timeout", "retry: {max: 2, delay: 1s, factor: 3, causes: [stall]}, timeout")
    outcome = await place.execute(place.plan(f"  - {retried}\n"))
    again = [event.message for event in place.person.events if "trying again" in event.message]
    assert [message.rpartition(" in ")[2] for message in again] == ["1 s", "3 s"]
    assert isinstance(outcome.error, TimedOut)
    assert "obj.spec.replicas has been 4 for 10 s" in str(outcome.error)


async def test_who_is_asked_after_a_failure_decides_on_the_undo(place: Place) -> None:
    asking = GONE.replace("timeout", "onFail: ask, timeout")
    outcome = await place.execute(place.plan(f"  - {FIRST}\n  - {asking}\n"))
    assert told(outcome) == {"first": "undone", "bad": "failed"}
    assert place.person.questions[-1].title.endswith("take back what was changed?")
