"""Doctor and settings as screens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tui.conftest import app_on, painted, screen_text, until
from vops.errors import Unreachable
from vops.model.examination import Check, Examination, Health
from vops.render.settings import settings_lines
from vops.render.text import plain
from vops.settings import Settings, TuiSettings
from vops.tui.screens.fleet import FleetScreen

ROLE: dict[str, object] = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}


def examination() -> Examination:
    checks = (
        Check("reach", Health.OK, "v1.36.3"),
        Check("pods/log", Health.FAILED, "not granted", "apply the role below"),
    )
    return Examination("prod-eu-1", checks, ROLE)


async def test_doctor_shows_what_is_missing_first_and_the_role_and_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []

    async def examine_session(session: Any) -> Examination:
        looked.append(session)
        return examination()

    monkeypatch.setattr("vops.tui.screens.doctor.examine_session", examine_session)
    app = app_on()
    async with app.run_test(size=(80, 24)) as pilot:
        await painted(pilot)
        await pilot.press("colon", *"doctor", "enter")
        await until(pilot, lambda: "kind: ClusterRole" in screen_text(app))
        text = screen_text(app)
        assert text.index("✗ pods/log") < text.index("✓ reach")
        await pilot.press("r")
        await until(pilot, lambda: len(looked) == 2)
        await pilot.press("y")
        assert "ClusterRole" in app.clipboard
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_an_examination_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def examine_session(_: Any) -> Examination:
        raise Unreachable("the API server does not answer", hint="look at the network")

    monkeypatch.setattr("vops.tui.screens.doctor.examine_session", examine_session)
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("doctor")
        await until(pilot, lambda: "the API server does not answer" in screen_text(app))


async def test_settings_show_what_holds_and_what_differs() -> None:
    app = app_on(settings=Settings(readonly=True, prometheus_url="http://prometheus:9090"))
    async with app.run_test(size=(120, 50)) as pilot:
        await painted(pilot)
        await pilot.press("colon", *"settings", "enter")
        await until(pilot, lambda: "● readonly" in screen_text(app))
        assert "http://prometheus:9090" in screen_text(app)
        assert "config.toml" in screen_text(app)


def test_settings_of_tables_stand_under_their_name() -> None:
    text = plain(settings_lines(Settings(tui=TuiSettings(theme="day"))))
    assert text.index("[tui]") < text.index("● theme")
    assert "● readonly" not in text
