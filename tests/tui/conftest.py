"""An app over a cluster that stands still, and ways to wait for what it does instead of for time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

import pytest
from idle import nothing_to_do
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from tests.tui import builders
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.operations.fix import FixPlan
from vops.render.fleet_rows import ReplicaRow
from vops.tui.app import VopsApp
from vops.tui.screens.base import OpsScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.widgets.bar import Bar

Apps = Callable[..., VopsApp]


@pytest.fixture(autouse=True)
def quiet_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No animation and no blinking cursor: a frame depends on the data alone."""
    monkeypatch.setattr("textual.widgets.Input._toggle_cursor", lambda self: None)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr(Stylesheet, "_parse_rules", _parsed_once)
    monkeypatch.setattr("textual.app.wait_for_idle", nothing_to_do)
    monkeypatch.setattr("textual.pilot.wait_for_idle", nothing_to_do)
    monkeypatch.setattr("vops.tui.lag.LoopLag.worst_s", 0.0)


_parse_rules = Stylesheet._parse_rules
_PARSED: dict[Hashable, list[RuleSet]] = {}


def _parsed_once(sheet: Stylesheet, *source: Hashable, **options: Hashable) -> list[RuleSet]:
    """The rules of a style sheet, which nobody changes: one app after the other has the same."""
    key = (source, tuple(options.items()), tuple(sheet._variables.items()))
    if key not in _PARSED:
        _PARSED[key] = _parse_rules(sheet, *source, **options)  # type: ignore[arg-type]  # passed on as they came
    return _PARSED[key]


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> list[Ref]:
    """Close looks see the fleet of the builders, with a log for the gated pod; returns what was looked at."""
    looked: list[Ref] = []
    snapshot = builders.with_log(builders.fleet_snapshot(), GATED, builders.LOG)
    snapshot = builders.with_log(snapshot, GATED, builders.LOG, previous=True)

    async def observe(_: Any, *, target: Ref | None = None, namespace: str = "") -> ClusterSnapshot:
        looked.append(target or Ref("Namespace", namespace))
        return snapshot

    monkeypatch.setattr("vops.tui.examine.observe", observe)
    return looked


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Plans are the one of the builders; returns the parameters that each was made with."""
    asked: list[dict[str, str]] = []

    async def plan_fix(_: Any, subject: Ref, *, cause: str, params: dict[str, str]) -> FixPlan:
        asked.append(dict(params))
        return builders.fix_plan(subject)

    monkeypatch.setattr("vops.tui.screens.fix.plan_fix", plan_fix)
    return asked


GATED = "gemma-3-27b-6f9c4-x7dlw"


def app_on(snapshot: ClusterSnapshot | None = None, **session: Any) -> VopsApp:
    observer = builders.StubObserver(builders.fleet_snapshot() if snapshot is None else snapshot)
    return VopsApp(builders.session(**session), observer)


async def until(pilot: Pilot[Any], claim: Callable[[], bool]) -> None:
    """Lets the app work until `claim` holds."""
    for _ in range(2000):
        if claim():
            await pilot.pause()
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came true")


async def painted(pilot: Pilot[Any]) -> None:
    """Lets the app work until the first picture is on the screen."""
    app = pilot.app
    assert isinstance(app, VopsApp)
    await until(pilot, lambda: app.picture is not None and _drawn(app))


def _drawn(app: VopsApp) -> bool:
    screen = app.screen
    if not isinstance(screen, OpsScreen) or not screen.is_drawn:
        return False
    truth = screen.query_one("#truth", Bar).left
    return bool(truth) and "CONNECTING" not in truth[0].text


def replica_rows(app: VopsApp) -> list[ReplicaRow]:
    """The rows of the fleet's replicas; none while another screen is in front or nothing is drawn."""
    screen = app.screen
    return list(screen.replicas.rows) if isinstance(screen, FleetScreen) and screen.is_drawn else []


async def replicas_shown(pilot: Pilot[Any], app: VopsApp, count: int) -> None:
    """Lets the app work until the fleet shows as many replicas."""
    await until(pilot, lambda: len(replica_rows(app)) == count)


def screen_text(app: Any) -> str:
    """Everything that is on the screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
