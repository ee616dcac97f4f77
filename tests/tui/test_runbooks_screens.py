"""Runbooks from the list to the plan, and past runs from their journals to being taken back or gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from tests.tui import builders
from tests.tui.conftest import app_on, painted, replicas_shown, screen_text, until
from vops.model.objects import Ref
from vops.operations.running.journal import Journal
from vops.operations.running.pauses import Pause
from vops.operations.running.run import RunResult
from vops.operations.running.runs import BEGUN, ENDED, EVENT, Ending, PastRun, fetched_mark, past_runs
from vops.planning.events import Question, RunEvent, StepState
from vops.planning.plan import Gate, Plan
from vops.render.runbooks_table import RUNBOOK_COLUMNS, RunbookRow, runbook_line
from vops.render.runs_table import RUN_COLUMNS
from vops.render.text import plain
from vops.runbooks.params import Param
from vops.settings import Settings
from vops.tui.app import VopsApp
from vops.tui.messages import RunAgreed
from vops.tui.running import Run
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.params import AnswerScreen, ParamsScreen
from vops.tui.screens.past_run import HandbackScreen, PastRunScreen, UndoScreen
from vops.tui.screens.run import RunScreen
from vops.tui.screens.runbook import RunbookScreen
from vops.tui.screens.runbooks import RunbooksScreen
from vops.tui.screens.runs import RunsScreen

RUN = "20260302-031200-c0ffee"


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What was planned: runbook and parameters; every plan is the one of the builders."""
    asked: list[tuple[str, dict[str, Any]]] = []

    async def plan_run(_: Any, runbook: str, params: Mapping[str, Any]) -> Plan:
        asked.append((runbook, dict(params)))
        return builders.toleration_plan()

    monkeypatch.setattr("vops.tui.screens.runbook.plan_run", plan_run)
    return asked


def journalled(state: Path, ending: Ending | None) -> None:
    """A run of the plan of the builders, as its journal tells it."""
    with Journal(state, RUN, builders.FrozenClock()) as journal:
        journal.note(BEGUN, {"run": RUN, "plan": builders.toleration_plan()})
        journal.note(EVENT, RunEvent(builders.NOW, "tolerate", StepState.DONE, "patched"))
        if ending is not None:
            journal.note(ENDED, {"outcome": ending, "error": "", "steps": ()})


def app_with(state: Path) -> VopsApp:
    return app_on(settings=Settings(state_dir=str(state)))


# --- runbooks ---------------------------------------------------------------------------------------------


async def at_form(app: VopsApp, pilot: Any, runbook: str) -> None:
    """As far as the form of a runbook, with the cursor of the fleet on the pending mixtral."""
    await painted(pilot)
    await pilot.press("slash", *"mixtral", "enter")
    await replicas_shown(pilot, app, 1)
    await pilot.press("colon", *"runbooks", "enter")
    await until(pilot, lambda: isinstance(app.screen, RunbooksScreen) and bool(app.screen.table.rows))
    await pilot.press("slash", *f"^{runbook}", "enter")
    await until(pilot, lambda: app.screen.table.rows[0].name == runbook)  # type: ignore[attr-defined]  # the screen that was asked for
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ParamsScreen))


async def test_what_the_cursor_was_on_fills_in_the_form(plans: list[tuple[str, dict[str, Any]]]) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await at_form(app, pilot, "scale")
        assert app.screen.query_one("#param-target", Input).value == "deployment/mixtral"
        assert app.screen.query_one("#param-namespace", Input).value == "research"
        await pilot.press(*"3", "enter")
        await until(pilot, lambda: "Tolerate the taint" in screen_text(app))
        runbook, given = plans[0]
        assert (runbook, given["replicas"], given["target"]) == ("scale", "3", "deployment/mixtral")


async def test_a_value_that_is_none_keeps_the_form_open_and_says_why(plans: list[tuple[str, dict[str, Any]]]) -> None:
    app = app_on()
    async with app.run_test(size=(80, 24)) as pilot:
        await at_form(app, pilot, "scale")
        await pilot.press(*"many", "enter")
        await until(pilot, lambda: "'many' is not a whole number" in screen_text(app))
        assert isinstance(app.screen, ParamsScreen)
        assert isinstance(app.focused, Input)
        assert (app.focused.id, app.focused.value) == ("param-replicas", "many")
        assert plans == []


async def test_leaving_the_first_form_leaves_the_runbook() -> None:
    app = app_on()
    async with app.run_test(size=(80, 24)) as pilot:
        await at_form(app, pilot, "scale")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunbooksScreen))


@pytest.mark.usefixtures("plans")
async def test_p_opens_the_form_again_with_what_was_given() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await at_form(app, pilot, "scale")
        await pilot.press(*"3", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunbookScreen) and app.screen.plan is not None)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ParamsScreen))
        assert app.screen.query_one("#param-replicas", Input).value == "3"


async def test_a_runbook_that_cannot_be_read_is_listed_with_its_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "vops" / "runbooks"
    folder.mkdir(parents=True)
    (folder / "aaa-broken.yaml").write_text("vops: 1\nid: aaa-broken\nsteps: nonsense\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("runbooks")
        await until(pilot, lambda: "aaa-broken" in screen_text(app))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, RunbooksScreen)
        assert "✗" in screen_text(app)


def test_a_row_of_a_runbook_says_what_it_fixes_and_asks_for() -> None:
    row = RunbookRow("scale", "Give a model so many replicas", None, ("replicas-zero",), ("target", "replicas"))
    cells = {column.key: column.cell(row).text for column in RUNBOOK_COLUMNS}
    assert (cells["name"], cells["fixes"], cells["risk"]) == ("scale", "replicas-zero", "–")
    assert "asks for target, replicas" in plain([runbook_line(row)])


# --- runs -------------------------------------------------------------------------------------------------


@pytest.fixture
def undoing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that were planned to be taken back."""
    asked: list[str] = []

    async def plan_undo(_: Any, run: PastRun) -> Plan:
        asked.append(run.id)
        return builders.toleration_plan()

    monkeypatch.setattr("vops.tui.screens.past_run.plan_undo", plan_undo)
    return asked


async def at_runs(app: VopsApp, pilot: Any) -> RunsScreen:
    await painted(pilot)
    await pilot.press("colon", *"runs", "enter")
    await until(pilot, lambda: isinstance(app.screen, RunsScreen) and bool(app.screen.table.rows))
    assert isinstance(app.screen, RunsScreen)
    return app.screen


async def test_a_run_is_told_from_its_journal_and_taken_back_from_there(tmp_path: Path, undoing: list[str]) -> None:
    journalled(tmp_path, Ending.FIXED)
    app = app_with(tmp_path)
    async with app.run_test(size=(120, 34)) as pilot:
        screen = await at_runs(app, pilot)
        cells = {column.key: column.cell(screen.table.rows[0]).text for column in RUN_COLUMNS}
        assert (cells["ended"], cells["run"]) == ("✓ fixed", RUN)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PastRunScreen) and "patched" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UndoScreen) and app.screen.plan is not None)
        await pilot.press("escape", "escape", "r", "u")
        await until(pilot, lambda: undoing == [RUN, RUN])


async def test_b_in_a_story_plans_to_hand_back_what_the_repository_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def plan_handback(_: Any, run: PastRun) -> Plan:
        asked.append(run.id)
        return builders.toleration_plan()

    monkeypatch.setattr("vops.tui.screens.past_run.plan_handback", plan_handback)
    journalled(tmp_path, Ending.FIXED)
    app = app_with(tmp_path)
    async with app.run_test(size=(120, 34)) as pilot:
        await at_runs(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PastRunScreen) and "patched" in screen_text(app))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, HandbackScreen) and app.screen.plan is not None)
    assert asked == [RUN]


async def test_an_interrupted_run_goes_on_once_that_is_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed: list[str] = []

    async def resume_run(_: Any, run: PastRun, **__: Any) -> RunResult:
        resumed.append(run.id)
        return RunResult(run.id, Ending.FIXED)

    monkeypatch.setattr("vops.operations.running.run.resume_run", resume_run)
    journalled(tmp_path, None)
    app = app_with(tmp_path)
    async with app.run_test(size=(120, 34)) as pilot:
        screen = await at_runs(app, pilot)
        assert "interrupted" in screen_text(app)
        assert screen.table.rows[0].outcome == ""
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PastRunScreen))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "✓ fixed" in screen_text(app))
        assert resumed == [RUN]


async def test_a_fetched_run_is_asked_about_once_more(tmp_path: Path) -> None:
    """Its journal may have shown anything: the question that the engine asks has the requests themselves."""
    journalled(tmp_path, None)
    (past,), _ = past_runs(tmp_path)
    asked: list[Question] = []

    async def ask(question: Question) -> bool:
        asked.append(question)
        return False

    whole = Question(Gate.CONFIRM, "Tolerate the taint", "+ tolerations")
    assert await Run(past.plan, ask, lambda: None, past)._approve(whole)
    fetched_mark(past.path).touch()
    assert not await Run(past.plan, ask, lambda: None, past)._approve(whole)
    assert asked == [whole]


async def test_a_run_that_has_ended_does_not_go_on(tmp_path: Path) -> None:
    journalled(tmp_path, Ending.FIXED)
    app = app_with(tmp_path)
    async with app.run_test(size=(120, 34)) as pilot:
        await at_runs(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PastRunScreen))
        await pilot.press("o")
        await pilot.pause()
        assert isinstance(app.screen, PastRunScreen)


async def test_u_after_a_run_plans_to_take_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undoing: list[str], planned: list[dict[str, str]]
) -> None:
    async def run_plan(*_: Any, **__: Any) -> RunResult:
        return RunResult(RUN, Ending.FIXED)

    monkeypatch.setattr("vops.operations.running.run.run_plan", run_plan)
    journalled(tmp_path, Ending.FIXED)
    app = app_with(tmp_path)
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("fix", Ref("Pod", "mixtral-6f9c4-4hnvq", "research", "uid-mixtral-6f9c4-4hnvq"))
        await until(pilot, lambda: "Tolerate the taint" in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("right", "enter")
        await until(pilot, lambda: "u plans to take it back" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UndoScreen) and undoing == [RUN])
    assert planned


async def test_no_runs_yet_says_where_runs_come_from(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("runs")
        await until(pilot, lambda: "no runs yet" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_a_long_form_opens_with_its_first_field_and_what_that_is_about() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        declared = {f"field_{number}": Param("string", help=f"about {number}") for number in range(12)}
        app.push_screen(form := ParamsScreen("seed-model", declared, {}))
        await until(pilot, lambda: form.is_running and form.focused is not None)
        assert form.focused is form.query_one("#param-field_0")
        assert "about 0" in screen_text(app)


async def test_what_a_run_has_left_paused_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    left = Pause(Ref("Deployment", "mixtral", "inference"), RUN, builders.NOW, overdue=True)
    going = Pause(Ref("Deployment", "llama", "inference"), "another", builders.NOW, overdue=False)

    async def standing_pauses(_: Any) -> tuple[Pause, ...]:
        return left, going

    monkeypatch.setattr("vops.operations.running.pauses.standing_pauses", standing_pauses)
    app = app_with(tmp_path)
    told: list[str] = []
    monkeypatch.setattr(app, "tell", lambda text, **_: told.append(text))
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        await until(pilot, lambda: bool(told))
    assert [f"vops undo {RUN}" in text for text in told] == [True]


async def test_what_a_run_asks_for_is_typed_into_a_form(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers: list[str] = []

    async def run_plan(*_: Any, answer: Any, **__: Any) -> RunResult:
        wants = {"type": "int", "help": "How many?", "max": 5}
        answers.append(await answer(Question(Gate.INSTRUCT, "Say how many", "How many?", step="how", wants=wants)))
        return RunResult(RUN, Ending.APPLIED)

    monkeypatch.setattr("vops.operations.running.run.run_plan", run_plan)
    app = app_with(tmp_path)
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.post_message(RunAgreed(builders.toleration_plan()))
        await until(pilot, lambda: isinstance(app.screen, AnswerScreen))
        await pilot.press("9", "enter")
        await until(pilot, lambda: "9 is more than 5" in screen_text(app))
        await pilot.press("backspace", "3", "enter")
        await until(pilot, lambda: answers == ["3"])
