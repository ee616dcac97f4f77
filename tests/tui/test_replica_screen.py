"""The replica screen: what it shows of one replica, its panes and its log."""

from __future__ import annotations

from datetime import timedelta

import pytest
from textual import events

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, screen_text, until
from vops.model.objects import Ref
from vops.tui.app import VopsApp
from vops.tui.screens.diagnosis import DiagnosisScreen
from vops.tui.screens.fix import FixScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.logs import LogsScreen
from vops.tui.screens.replica import PANES, ReplicaScreen
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.log import LogPane

REF = Ref("Pod", GATED, "research", f"uid-{GATED}")


def opened(app: VopsApp, ref: Ref = REF) -> ReplicaScreen:
    screen = ReplicaScreen(ref)
    app.push_screen(screen)
    return screen


async def test_it_says_the_state_the_cause_and_the_command_that_fixes(looking: list[Ref]) -> None:
    app = app_on()
    async with app.run_test(size=(160, 60)) as pilot:
        await painted(pilot)
        opened(app)
        await until(pilot, lambda: "vops fix" in screen_text(app))
        text = screen_text(app)
        assert "✗ crash-looping" in text
        assert "✗ gated-model" in text
        assert looking[0] == REF


@pytest.mark.usefixtures("looking")
async def test_events_are_told_once_with_their_count_newest_last() -> None:
    app = app_on()
    async with app.run_test(size=(160, 60)) as pilot:
        await painted(pilot)
        opened(app)
        await until(pilot, lambda: "BackOff ×23" in screen_text(app))
        text = screen_text(app)
        assert text.index("Pulled") < text.index("BackOff ×23")


@pytest.mark.usefixtures("looking")
async def test_the_log_is_followed_and_p_shows_the_previous_instance() -> None:
    app = app_on(cluster=builders.StubCluster(log="current one\nline two"))
    async with app.run_test(size=(160, 60)) as pilot:
        await painted(pilot)
        screen = opened(app)
        await until(pilot, lambda: screen.is_mounted)
        pane = screen.query_one(LogPane)
        await until(pilot, lambda: pane.texts == ("current one", "line two"))
        await pilot.press("p")
        await until(pilot, lambda: "no previous instance" in screen_text(app))


@pytest.mark.usefixtures("looking")
@pytest.mark.parametrize(("key", "pane"), list(enumerate(PANES, 1)))
async def test_where_there_is_little_room_panes_take_turns(key: int, pane: str) -> None:
    app = app_on()
    async with app.run_test(size=(80, 24)) as pilot:
        await painted(pilot)
        screen = opened(app)
        await until(pilot, lambda: screen.is_mounted)
        await pilot.press(str(key))
        await pilot.pause()
        upper = [name for name in list(PANES)[:4] if screen.query_one(f"#{name}").region.height]
        assert upper == ([pane] if pane != "log" else [])
        assert screen.query_one("#log").region.height > 0
        assert screen.focused is screen.query_one(f"#{pane}")


@pytest.mark.usefixtures("looking")
@pytest.mark.parametrize("width", [60, 80, 120, 200])
async def test_what_it_was_started_with_is_told_in_whole_words(width: int) -> None:
    app = app_on()
    async with app.run_test(size=(width, 34)) as pilot:
        await painted(pilot)
        screen = opened(app)
        await until(pilot, lambda: screen.is_drawn)
        told = screen.query_one("#identity", Bar)
        shown = told.render_line(0).text
        assert shown.startswith(" model ")
        assert "…" not in shown
        assert shown.endswith("  e arguments ")


@pytest.mark.usefixtures("looking")
async def test_tab_goes_round_the_panes() -> None:
    app = app_on()
    async with app.run_test(size=(160, 60)) as pilot:
        await painted(pilot)
        screen = opened(app)
        await until(pilot, lambda: screen.is_mounted)
        seen = []
        for _ in range(5):
            seen.append(screen.focused.id if screen.focused else "")
            await pilot.press("tab")
        assert seen == ["findings", "load", "numbers", "events", "log"]
        await pilot.press("shift+tab")
        assert screen.focused is screen.query_one("#log")


@pytest.mark.usefixtures("looking", "planned")
@pytest.mark.parametrize(("key", "kind"), [("d", DiagnosisScreen), ("f", FixScreen), ("l", LogsScreen)])
async def test_keys_go_on_from_here(key: str, kind: type) -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        screen = opened(app)
        await until(pilot, lambda: screen.is_mounted)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, kind))


@pytest.mark.usefixtures("looking")
async def test_a_replica_that_has_gone_is_said_to_be_gone_and_stays_readable() -> None:
    app = app_on()
    observer = app._connection.observer
    assert isinstance(observer, builders.StubObserver)
    async with app.run_test(size=(160, 60)) as pilot:
        await painted(pilot)
        opened(app)
        await until(pilot, lambda: "BackOff" in screen_text(app))
        snapshot = builders.fleet_snapshot()
        others = [pod for pod in snapshot.pods if pod.metadata.name != GATED]
        observer.show(builders.with_pods(snapshot, others))
        await until(pilot, lambda: "↓ gone" in screen_text(app))
        assert "BackOff" in screen_text(app)


@pytest.mark.usefixtures("looking")
async def test_another_pod_of_the_same_name_is_not_taken_for_it() -> None:
    app = app_on()
    async with app.run_test(size=(160, 60)) as pilot:
        await painted(pilot)
        opened(app, Ref("Pod", GATED, "research", "uid-of-an-earlier-one"))
        await until(pilot, lambda: "↓ gone" in screen_text(app))


@pytest.mark.usefixtures("looking")
async def test_a_start_shows_its_phases_and_which_one_runs() -> None:
    name = "llama-3-3-70b-6f9c4-zz9p1"
    app = app_on()
    async with app.run_test(size=(160, 60)) as pilot:
        await painted(pilot)
        opened(app, Ref("Pod", name, "prod", f"uid-{name}"))
        await until(pilot, lambda: "scheduling" in screen_text(app))
        assert "◐ loading for 1m1s" in screen_text(app)


async def test_a_close_look_is_taken_again_while_it_does_not_serve(looking: list[Ref]) -> None:
    app = app_on()
    async with app.run_test(size=(160, 60)) as pilot:
        await painted(pilot)
        opened(app)
        await until(pilot, lambda: len(looking) == 1)
        clock = app._clock
        assert isinstance(clock, builders.FrozenClock)
        await pilot.pause()
        clock.advance(timedelta(seconds=11).total_seconds())
        await until(pilot, lambda: len(looking) == 2)


@pytest.mark.usefixtures("looking", "planned")
@pytest.mark.parametrize("key", ["enter", "d", "f", "l", "question_mark", "n"])
async def test_going_in_and_out_faster_than_screens_are_made_does_no_harm(key: str) -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        for _ in range(5):
            app.post_message(events.Key(key, None))
            app.post_message(events.Key("escape", None))
        await until(pilot, lambda: app._message_queue.empty())
        assert len(app.screen_stack) <= 2
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


@pytest.mark.usefixtures("looking")
@pytest.mark.parametrize(
    ("end", "verdict"), [("tz7mm", "▲ slow: "), ("k2x8p", "● not slow: "), ("m4c2x", "last known: ")]
)
async def test_a_server_that_serves_says_whether_it_is_slow_and_why(end: str, verdict: str) -> None:
    """One with a queue, one that is quick, one whose numbers are old."""
    app = app_on()
    model = "llama-3-3-70b" if end == "m4c2x" else "qwen3-8b"
    name = f"{model}-6f9c4-{end}"
    async with app.run_test(size=(160, 60)) as pilot:
        await painted(pilot)
        screen = opened(app, Ref("Pod", name, "prod", f"uid-{name}"))
        await until(pilot, lambda: screen.is_mounted)
        await until(pilot, lambda: verdict in screen_text(app))
        assert screen_text(app).index(verdict) < screen_text(app).index("Findings")


@pytest.mark.usefixtures("looking")
async def test_e_shows_its_arguments_and_why_it_is_not_sized() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        screen = opened(app, Ref("Pod", "mixtral-6f9c4-4hnvq", "research", "uid-mixtral-6f9c4-4hnvq"))
        await until(pilot, lambda: screen.is_mounted)
        await pilot.press("e")
        await until(pilot, lambda: "--served-model-name" in screen_text(app))
        await until(pilot, lambda: "not sized: it has no node yet" in screen_text(app))
