"""Logs over the whole screen: searched, filtered, folded, of one pod or of all of a workload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui import builders
from tests.tui.conftest import app_on, painted, screen_text, until
from vops.model.objects import Ref
from vops.render.filters import Match
from vops.tui.app import VopsApp
from vops.tui.screens.diagnosis import DiagnosisScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.logs import LogsScreen
from vops.tui.widgets.log import LogPane
from vops.tui.widgets.log_view import LogView

POD = "qwen3-8b-6f9c4-k2x8p"
LOG = "\n".join(
    ["INFO start", *(f"INFO step {number} took {number}s" for number in range(60)), "ERROR broke", "INFO end"]
)


def test_a_view_keeps_what_fits_and_folds_what_differs_in_numbers_only() -> None:
    view = LogView()
    view.match, view.folds = Match("step|end"), True
    view.rebuild(enumerate(["start", "step 1", "step 2", "end"], 10))
    assert [(view.number(place), view.count(place)) for place in range(len(view))] == [(12, 2), (13, 1)]
    view.take([(14, "end")])
    assert (view.number(1), view.count(1)) == (14, 2)


def test_a_view_forgets_what_is_no_longer_held() -> None:
    view = LogView()
    view.match = Match("a")
    view.rebuild(enumerate(["a", "b", "a", "a"]))
    assert (view.forget(3), len(view), view.number(0)) == (2, 1, 3)


class Cluster(builders.StubCluster):
    """Remembers how the logs were asked for."""

    def __init__(self) -> None:
        super().__init__(log=LOG)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def follow_logs(self, namespace: str, pod: str, container: str, **given: Any) -> AsyncIterator[str]:
        self.asked.append((pod, given))
        async for text in super().follow_logs(namespace, pod, container, **given):
            yield text


async def at_logs(app: VopsApp, pilot: Pilot[Any]) -> LogsScreen:
    await painted(pilot)
    app.open("logs", Ref("Pod", POD, "prod", f"uid-{POD}"))
    await until(
        pilot, lambda: isinstance(app.screen, LogsScreen) and app.screen.is_drawn and app.screen.pane.shown == 63
    )
    assert isinstance(app.screen, LogsScreen)
    return app.screen


async def test_search_goes_to_what_it_finds_and_n_goes_round() -> None:
    app = app_on(cluster=Cluster())
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await at_logs(app, pilot)
        await pilot.press("slash", *"5.took", "enter")
        await until(pilot, lambda: "6 of 6 for 5.took" in screen_text(app))
        assert "▶ INFO step 55 took" in screen_text(app)
        await pilot.press("n")
        await until(pilot, lambda: "1 of 6" in screen_text(app) and "▶ INFO step 5 took" in screen_text(app))
        await pilot.press("N")
        await until(pilot, lambda: "6 of 6" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "▶" not in screen_text(app))
        await pilot.press("slash", *"nowhere", "enter")
        await until(pilot, lambda: "nothing for nowhere" in screen_text(app))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is not screen)


async def test_a_filter_shows_only_what_it_keeps_until_escape() -> None:
    app = app_on(cluster=Cluster())
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await at_logs(app, pilot)
        await pilot.press("ampersand", *"!step", "enter")
        await until(pilot, lambda: screen.pane.shown == 3)
        await until(pilot, lambda: "3 of 63 lines · &!step" in screen_text(app))
        assert "ERROR broke" in screen_text(app)
        await pilot.press("ampersand", *["backspace"] * 5, *"zzz", "enter")
        await until(pilot, lambda: "no line is kept by the filter" in screen_text(app))
        await pilot.press("escape")
        assert screen.pane.shown == 63


async def test_lines_that_differ_in_numbers_are_one_line_with_their_count() -> None:
    app = app_on(cluster=Cluster())
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await at_logs(app, pilot)
        await pilot.press("F")
        assert screen.pane.shown == 4
        assert "×60 INFO step 59 took 59s" in screen_text(app)
        screen.pane.feed(["INFO end"])
        await until(pilot, lambda: "×2 INFO end" in screen_text(app))
        await pilot.press("F")
        assert screen.pane.shown == 64


async def test_a_shows_the_logs_of_all_replicas_of_the_workload_signed() -> None:
    cluster = Cluster()
    app = app_on(cluster=cluster)
    async with app.run_test(size=(120, 34)) as pilot:
        await at_logs(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: "logs of 3 pods · 189 lines" in screen_text(app))
        assert {text[:8] for text in app.screen.query_one(LogPane).texts} == {"k2x8p │ ", "9wq4d │ ", "tz7mm │ "}
        assert len({pod for pod, _ in cluster.asked}) == 3
        await pilot.press("a")
        await until(pilot, lambda: "log · 63 lines" in screen_text(app))


async def test_t_reads_further_back_each_time() -> None:
    cluster = Cluster()
    app = app_on(cluster=cluster)
    async with app.run_test(size=(120, 34)) as pilot:
        await at_logs(app, pilot)
        await pilot.press("t")
        await until(pilot, lambda: cluster.asked[-1][1]["since_s"] == 300)
        await pilot.press("t", "t")
        await until(pilot, lambda: cluster.asked[-1][1] == {"tail_lines": 5000, "since_s": None})


@pytest.mark.usefixtures("looking")
async def test_the_other_keys_of_the_log() -> None:
    app = app_on(cluster=Cluster())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await at_logs(app, pilot)
        await pilot.press("n")
        assert any("/ searches" in note.message for note in app._notifications)
        await pilot.press("p")
        await until(pilot, lambda: "there is no previous instance" in screen_text(app))
        await pilot.press("p", "d")
        await until(pilot, lambda: isinstance(app.screen, DiagnosisScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_known_errors_are_told_below_the_log_and_shift_e_goes_to_them() -> None:
    said = "OSError: You are trying to access a gated repo."
    log = "\n".join([*(f"INFO {n}" for n in range(40)), said, *(f"INFO {n}" for n in range(40, 90)), said])
    app = app_on(cluster=builders.StubCluster(log=log))
    async with app.run_test(size=(100, 24)) as pilot:
        await painted(pilot)
        app.open("logs", Ref("Pod", POD, "prod", f"uid-{POD}"))
        await until(pilot, lambda: "Known errors 1" in screen_text(app))
        assert "✗ gated-model ×2" in screen_text(app)
        screen = app.screen
        assert isinstance(screen, LogsScreen)
        await pilot.press("home")
        assert screen.pane.scroll_offset.y == 0
        await pilot.press("E")
        await until(pilot, lambda: "gated-model ×2" in screen_text(app) and screen.pane.scroll_offset.y > 60)


async def test_a_log_without_known_errors_has_the_screen_to_itself() -> None:
    app = app_on(cluster=builders.StubCluster(log="INFO all is well"))
    async with app.run_test(size=(100, 24)) as pilot:
        await painted(pilot)
        app.open("logs", Ref("Pod", POD, "prod", f"uid-{POD}"))
        await until(pilot, lambda: "all is well" in screen_text(app))
        assert not app.screen.query_one("#errors").display
        await pilot.press("E")
        await until(pilot, lambda: any("no error that vops knows" in item.message for item in app._notifications))
