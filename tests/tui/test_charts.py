"""Charts: one time axis, dots as high as the values, letters where something happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, screen_text, until
from vops.model.resources import Ref
from vops.render.charts import SERIES, Window, chart_lines, mark_lines, page_lines
from vops.render.history import History
from vops.render.text import plain
from vops.tui.screens.charts import ChartsScreen
from vops.tui.screens.diagnosis import DiagnosisScreen
from vops.tui.screens.replica import ReplicaScreen

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
KV = SERIES[1]


def seconds(*ages: float) -> list[float]:
    return [(NOW - timedelta(seconds=age)).timestamp() for age in ages]


def test_a_value_is_as_high_as_it_is_and_holds_until_the_next_one() -> None:
    at = seconds(40, 20, 10, 0)
    _, top, bottom = chart_lines(KV, [1.0, None, 0.0, 1.0], at, Window(at[0], at[-1], 2), 2)
    assert top[1].text == "\u28ff\u28b8"
    assert bottom[1].text == "\u28ff\u28b8"
    assert (top[0].text.strip(), bottom[0].text.strip()) == ("100%", "")


def test_where_nobody_looked_for_long_nothing_is_drawn() -> None:
    at = seconds(100, 0)
    _, row = chart_lines(KV, [1.0, 1.0], at, Window(at[0], at[-1], 4), 1)
    assert row[1].text == "\u2847\u2800\u2800\u28b8"


@pytest.mark.parametrize(("age", "column"), [(60, 0), (30, 5), (0, 9), (61, None), (-1, None)])
def test_a_moment_has_its_column(age: float, column: int | None) -> None:
    begin, end = seconds(60, 0)
    assert Window(begin, end, 10).column(seconds(age)[0]) == column


def test_a_series_without_a_value_draws_nothing_and_says_so() -> None:
    at = seconds(10, 0)
    title, row = chart_lines(KV, [None, None], at, Window(at[0], at[1], 4), 1)
    assert title[1].text == "–"
    assert row[1].text == "\u2800" * 4


def test_events_are_letters_at_their_moment_with_what_they_mean() -> None:
    pod = builders.fleet_snapshot().pods[0]
    events = [builders.event(pod, "Killing", "x", seen=30), builders.event(pod, "Pulled", "x", seen=30)]
    end = builders.NOW.timestamp()
    row, legend = mark_lines(events, Window(end - 60, end, 10))
    assert row[1].text == "     K    "
    assert legend[0].text.strip() == "K a container was ended"
    assert mark_lines([], Window(end - 60, end, 10)) == []


def test_a_page_fits_its_room_and_names_both_ends_of_the_axis() -> None:
    at = seconds(*range(600, -1, -10))
    half = [0.5] * len(at)
    history = History(half, half, half, half, half, half, at)
    lines = page_lines(history, (), NOW, 80, 30)
    assert len(lines) <= 30
    assert "10m ago" in plain(lines)
    assert plain(lines).rstrip().endswith("now")
    assert "nothing to draw yet" in plain(page_lines(History(), (), NOW, 80, 30))


@pytest.mark.usefixtures("looking")
async def test_c_on_a_replica_draws_its_charts_and_keys_lead_on() -> None:
    app = app_on()
    async with app.run_test(size=(100, 30)) as pilot:
        await painted(pilot)
        app.open("replica", Ref("Pod", GATED, "research", f"uid-{GATED}"))
        await until(pilot, lambda: isinstance(app.screen, ReplicaScreen) and app.screen.is_drawn)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ChartsScreen) and "Charts" in screen_text(app))
        charts: Any = app.screen
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DiagnosisScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is charts)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReplicaScreen))
