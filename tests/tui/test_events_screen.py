"""Events as a timeline: repeated ones once, the newest first; enter goes to what one is about."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from tests.tui import builders
from tests.tui.conftest import app_on, painted, screen_text, until
from vops.model.resources import Event
from vops.model.snapshot import Source, SourceState
from vops.render.events_table import EVENT_COLUMNS, event_line, event_rows
from vops.render.text import plain
from vops.tui.app import VopsApp
from vops.tui.screens.diagnosis import DiagnosisScreen
from vops.tui.screens.events import EventsScreen
from vops.tui.screens.replica import ReplicaScreen

POD = builders.fleet_snapshot().pods[0]


def test_repeated_events_are_one_row_with_their_count_and_the_last_time() -> None:
    early, late = builders.event(POD, "Unhealthy", "503", times=2, seen=90), builders.event(POD, "Unhealthy", "503")
    rows = event_rows([early, late, builders.event(POD, "Pulled", "image", normal=True, seen=10)], builders.NOW)
    assert [(row.reason, row.times, row.age_s) for row in rows] == [("Pulled", 1, 10.0), ("Unhealthy", 3, 40.0)]


def test_an_event_without_a_time_comes_last_and_has_no_age() -> None:
    rows = event_rows([Event(reason="Odd"), builders.event(POD, "Pulled", "x")], builders.NOW)
    assert [row.reason for row in rows] == ["Pulled", "Odd"]
    assert EVENT_COLUMNS[0].cell(rows[1]).text == "–"


def test_the_line_about_an_event_has_its_object_and_all_its_words() -> None:
    told = plain(
        [event_line(event_rows([builders.event(POD, "BackOff", "restarting failed container")], builders.NOW)[0])]
    )
    assert POD.metadata.name in told
    assert "restarting failed container" in told


async def at_events(app: VopsApp, pilot: Pilot[Any]) -> EventsScreen:
    await painted(pilot)
    await pilot.press("colon", *"events", "enter")
    await until(pilot, lambda: isinstance(app.screen, EventsScreen) and bool(app.screen.table.rows))
    assert isinstance(app.screen, EventsScreen)
    return app.screen


async def test_only_warnings_stay_on_shift_w_and_all_come_back() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        screen = await at_events(app, pilot)
        everything = len(screen.table.rows)
        await pilot.press("W")
        assert 0 < len(screen.table.rows) < everything
        assert all(row.warns for row in screen.table.rows)
        await pilot.press("W", "s", "S")
        assert len(screen.table.rows) == everything


@pytest.mark.usefixtures("looking")
@pytest.mark.parametrize(
    ("kind", "shown"), [("Pod", ReplicaScreen), ("Deployment", DiagnosisScreen), ("Node", EventsScreen)]
)
async def test_enter_goes_to_what_an_event_is_about(kind: str, shown: type[Any]) -> None:
    known = builders.fleet_snapshot()
    about = builders.event(known.pods[0], "Told", "something")
    about = msgspec.structs.replace(about, involved_object=msgspec.structs.replace(about.involved_object, kind=kind))
    app = app_on(msgspec.structs.replace(known, events=(about,)))
    async with app.run_test(size=(80, 24)) as pilot:
        await at_events(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, shown))


async def test_events_that_may_not_be_read_are_not_said_to_be_none() -> None:
    denied = [
        item if item.source is not Source.EVENTS else builders.status(Source.EVENTS, SourceState.DENIED)
        for item in builders.sources()
    ]
    seen = msgspec.structs.replace(builders.fleet_snapshot(), events=())
    app = app_on(builders.with_sources(seen, denied))
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("events")
        await until(pilot, lambda: "events cannot be read" in screen_text(app))
