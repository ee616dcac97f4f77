"""From the key to the verified fix: nothing is written before the second yes, and every ending is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from textual.widgets import Button, Input

from tests.tui import builders
from tests.tui.conftest import app_on, painted, screen_text, until
from vops.errors import LockHeld, Refused
from vops.model.objects import Ref
from vops.operations.fix import FixPlan
from vops.operations.running.run import RunResult
from vops.operations.running.runs import Ending
from vops.planning.events import Approve, Progress, Question, RunEvent, StepState
from vops.planning.guards import Guard
from vops.planning.plan import Gate, Impact, Plan
from vops.tui.app import VopsApp
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.fix import FixScreen
from vops.tui.screens.params import ParamsScreen
from vops.tui.screens.run import RunScreen

PENDING = Ref("Pod", "mixtral-6f9c4-4hnvq", "research", "uid-mixtral-6f9c4-4hnvq")


class Runs:
    """Stands in for carrying out: records the plan, tells two steps, ends as it is told to."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.outcome = Ending.FIXED
        self.error: Exception | None = None
        self.question: Question | None = None
        self.answer: bool | None = None
        self.go_on = asyncio.Event()

    async def __call__(self, _: Any, plan: Plan, *, approve: Approve, progress: Progress, answer: Any) -> RunResult:
        self.plans.append(plan)
        if self.error is not None:
            raise self.error
        progress(RunEvent(builders.NOW, "tolerate", StepState.DONE, "patched"))
        progress(RunEvent(builders.NOW, "rollout", StepState.RUNNING, "0 of 1 new replicas"))
        if self.question is not None:
            self.answer = await approve(self.question)
        await self.go_on.wait()
        progress(RunEvent(builders.NOW, "rollout", StepState.DONE, "rolled out"))
        return RunResult("run", self.outcome, journal="/tmp/journal")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    found = Runs()
    monkeypatch.setattr("vops.operations.running.run.run_plan", found)
    return found


def plan_screen(app: VopsApp) -> FixScreen:
    screen = FixScreen(PENDING)
    app.push_screen(screen)
    return screen


async def agreed(pilot: Any, app: VopsApp) -> None:
    """As far as a run that has been agreed to."""
    await painted(pilot)
    plan_screen(app)
    await until(pilot, lambda: "Tolerate the taint" in screen_text(app))
    await pilot.press("a")
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    await pilot.press("right", "enter")
    await until(pilot, lambda: isinstance(app.screen, RunScreen))


@pytest.mark.usefixtures("planned")
async def test_the_plan_shows_what_is_wrong_the_diff_and_what_to_expect() -> None:
    app = app_on()
    async with app.run_test(size=(120, 50)) as pilot:
        await painted(pilot)
        plan_screen(app)
        await until(pilot, lambda: "Tolerate the taint" in screen_text(app))
        text = screen_text(app)
        assert "untolerated-taint" in text
        assert "+" in next(line for line in text.splitlines() if "nvidia.com/gpu" in line and "key" in line)
        assert "so nothing is lost" in text


@pytest.mark.usefixtures("planned")
async def test_the_safe_button_has_the_focus_and_the_question_names_cluster_and_object(runs: Runs) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        plan_screen(app)
        await until(pilot, lambda: "Tolerate the taint" in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert isinstance(app.focused, Button)
        assert app.focused.id == "cancel"
        text = screen_text(app)
        for told in ("prod-eu-1", "research", "deployment/mixtral", "5ac4b6c7-a310-44dd-8c4b-91fe6c148fc6"):
            assert told in text
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FixScreen))
        assert runs.plans == []


@pytest.mark.usefixtures("planned")
async def test_a_yes_carries_out_exactly_the_plan_that_was_shown_and_tells_how_it_goes(runs: Runs) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await agreed(pilot, app)
        await until(pilot, lambda: "0 of 1 new replicas" in screen_text(app))
        assert runs.plans == [builders.toleration_plan()]
        runs.go_on.set()
        await until(pilot, lambda: "✓ fixed" in screen_text(app))
        assert "/tmp/journal" in screen_text(app)


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize(
    ("outcome", "told"),
    [(Ending.UNCHANGED, "the cause is still there"), (Ending.CHANGED, "another stands in the way")],
)
async def test_an_ending_that_fixed_nothing_says_so(runs: Runs, outcome: Ending, told: str) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        runs.outcome = outcome
        runs.go_on.set()
        await agreed(pilot, app)
        await until(pilot, lambda: told in screen_text(app))


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("error", [LockHeld("another run holds it", hint="wait for it"), RuntimeError("a bug")])
async def test_an_error_ends_the_run_and_not_the_app(runs: Runs, error: Exception) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        runs.error = error
        await agreed(pilot, app)
        await until(pilot, lambda: str(error) in screen_text(app))
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert app.is_running


@pytest.mark.usefixtures("planned")
async def test_leaving_the_screen_leaves_the_run_going_and_w_comes_back(runs: Runs) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await agreed(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: "RUN GOING ON" in screen_text(app))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        runs.go_on.set()
        await until(pilot, lambda: "✓ fixed" in screen_text(app))


@pytest.mark.usefixtures("planned", "runs")
async def test_quitting_out_of_a_run_asks_first() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await agreed(pilot, app)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))


@pytest.mark.usefixtures("planned")
async def test_x_stops_a_run_once_that_is_confirmed(runs: Runs) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await agreed(pilot, app)
        await until(pilot, lambda: bool(runs.plans))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("right", "enter")
        await until(pilot, lambda: "stopped" in screen_text(app))


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize(("typed", "go"), [("mixtral", True), ("mixtra", False)])
async def test_a_step_that_asks_for_the_name_gets_it_typed(runs: Runs, typed: str, go: bool) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        runs.question = Question(Gate.TYPE_NAME, "Delete?", "it goes", PENDING_WORKLOAD, "replace")
        runs.go_on.set()
        await agreed_as_far_as_question(pilot, app)
        app.screen.query_one(Input).value = typed
        await pilot.pause()
        assert app.screen.query_one("#go", Button).disabled is not go
        await pilot.click("#go" if go else "#cancel")
        await until(pilot, lambda: runs.answer is go)


PENDING_WORKLOAD = Ref("Deployment", "mixtral", "research")


async def agreed_as_far_as_question(pilot: Any, app: VopsApp) -> None:
    await painted(pilot)
    plan_screen(app)
    await until(pilot, lambda: "Tolerate the taint" in screen_text(app))
    await pilot.press("a")
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    await pilot.press("right", "enter")
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and "Delete?" in screen_text(app))


async def test_p_asks_for_parameters_and_plans_again_with_them(planned: list[dict[str, str]]) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        plan_screen(app)
        await until(pilot, lambda: "Tolerate the taint" in screen_text(app))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ParamsScreen))
        field = app.screen.query(Input).first()
        field.value = "[]"
        await pilot.press("enter")
        await until(pilot, lambda: len(planned) == 2)
        assert "[]" in planned[1].values()


def blocked() -> Plan:
    import msgspec

    guard = Guard("owner", False, "owned by argo-cd shop", "commit it to the repository")
    return msgspec.structs.replace(builders.toleration_plan(), guards=(guard,))


@pytest.mark.parametrize(
    ("planning", "told"),
    [
        (lambda ref: builders.fix_plan(ref, blocked()), "blocked: owned by argo-cd shop"),
        (lambda ref: FixPlan(builders.fix_plan(ref).report), "there is no plan to apply"),
        (lambda ref: builders.fix_plan(Ref("Pod", ref.name, ref.namespace, "another")), "has been replaced by another"),
    ],
)
async def test_what_cannot_be_applied_says_why(
    monkeypatch: pytest.MonkeyPatch, runs: Runs, planning: Callable[[Ref], FixPlan], told: str
) -> None:
    async def plan_fix(_: Any, subject: Ref, **__: Any) -> FixPlan:
        return planning(subject)

    monkeypatch.setattr("vops.tui.screens.fix.plan_fix", plan_fix)
    app = app_on()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await painted(pilot)
        plan_screen(app)
        await until(pilot, lambda: "planning without" not in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: told in screen_text(app))
        assert isinstance(app.screen, FixScreen)
        assert runs.plans == []


async def test_a_read_only_session_shows_the_plan_and_applies_nothing(
    planned: list[dict[str, str]], runs: Runs
) -> None:
    app = app_on(cluster=builders.StubCluster(readonly=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await painted(pilot)
        plan_screen(app)
        await until(pilot, lambda: "this session is read-only" in screen_text(app))
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(app.screen, FixScreen)
        assert (len(planned), runs.plans) == (1, [])


async def test_an_error_while_planning_is_shown_with_what_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    async def plan_fix(*_: Any, **__: Any) -> FixPlan:
        raise Refused("stopping an old pod would not help", hint="vops diagnose deploy/mixtral")

    monkeypatch.setattr("vops.tui.screens.fix.plan_fix", plan_fix)
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        plan_screen(app)
        await until(pilot, lambda: "stopping an old pod would not help" in screen_text(app))
        assert "vops diagnose deploy/mixtral" in screen_text(app)


@pytest.mark.usefixtures("planned")
async def test_a_run_that_went_well_is_watched_over_and_says_who_took_it_back(runs: Runs) -> None:
    cluster = builders.StubCluster()
    change = builders.toleration_plan().changes[0]
    app = app_on(cluster=cluster)
    async with app.run_test(size=(120, 40)) as pilot:
        await agreed(pilot, app)
        runs.go_on.set()
        await until(pilot, lambda: "0s of 10m watched" in screen_text(app))
        assert "● WATCHING (w)" in screen_text(app)
        clock = app._clock
        assert isinstance(clock, builders.FrozenClock)
        cluster.documents[change.target.name] = {
            "metadata": {
                "name": change.target.name, "namespace": "research", "uid": change.target.uid,
                "managedFields": [{"manager": "argocd-controller", "time": "2026-03-14T03:13:00Z", "fieldsV1": {}}],
            },
            "spec": {"template": {"spec": {}}},
        }  # fmt: skip
        await pilot.press("escape")
        clock.advance(16)
        await until(pilot, lambda: "▲ WORSE SINCE THE RUN (w)" in screen_text(app))
        await pilot.press("w")
        await until(pilot, lambda: "✗ taken back by somebody  16s of 10m watched" in screen_text(app))
        assert "✗ argocd-controller wrote /spec/template/spec/tolerations" in screen_text(app)


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["beside", "below"])
async def test_what_a_run_works_on_is_seen_while_it_goes(runs: Runs, size: tuple[int, int]) -> None:
    app = app_on()
    observer = app._connection.observer
    assert isinstance(observer, builders.StubObserver)
    async with app.run_test(size=size) as pilot:
        await agreed(pilot, app)
        await until(pilot, lambda: "▲ 0 of 1 ready" in screen_text(app))
        assert "mixtral-6f9c4-4hnvq" in screen_text(app)
        snapshot = builders.fleet_snapshot()
        placed = builders.pod("mixtral-6f9c4-4hnvq", "mistralai/Mixtral-8x7B-Instruct-v0.1", namespace="research")
        others = [pod for pod in snapshot.pods if pod.metadata.name != placed.metadata.name]
        observer.show(builders.with_pods(snapshot, [*others, placed]))
        await until(pilot, lambda: "● 1 of 1 ready" in screen_text(app))


@pytest.mark.usefixtures("planned")
async def test_an_ending_that_is_not_well_is_not_watched_over(runs: Runs) -> None:
    runs.outcome = Ending.UNCHANGED
    app = app_on()
    async with app.run_test(size=(120, 40)) as pilot:
        await agreed(pilot, app)
        runs.go_on.set()
        await until(pilot, lambda: "the cause is still there" in screen_text(app))
        assert "watched" not in screen_text(app)


async def test_one_agrees_to_what_is_in_flight_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan was made when 3 requests were on them; 143 are now, as the picture tells."""
    target = Ref("Deployment", "qwen3-8b", "prod", "uid-qwen3-8b")
    plan = builders.toleration_plan()
    change = msgspec.structs.replace(plan.steps[0].changes[0], target=target)
    steps = (msgspec.structs.replace(plan.steps[0], changes=(change,)), *plan.steps[1:])
    impact = Impact(target, ("a", "b", "c"), 3, 3, 1, 2, in_flight=3, budgets_read=True, budget="qwen", allowed=1)
    plan = msgspec.structs.replace(plan, steps=steps, impacts=(impact,))

    async def plan_fix(_: Any, subject: Ref, **_more: Any) -> FixPlan:
        return builders.fix_plan(subject, plan)

    monkeypatch.setattr("vops.tui.screens.fix.plan_fix", plan_fix)
    app = app_on()
    async with app.run_test(size=(120, 40)) as pilot:
        await painted(pilot)
        app.push_screen(FixScreen(PENDING))
        await until(pilot, lambda: "3 requests in flight" in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: "160 requests in flight on them; 3 of 3 keep serving" in screen_text(app))
        assert "PodDisruptionBudget qwen allows 1" in screen_text(app)
