"""What the screens look like, at three sizes, on data and a clock that stand still. `--snapshot-update` redraws."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, screen_text, until
from vops.model.resources import Ref
from vops.settings import Settings, TuiSettings
from vops.tui.app import VopsApp
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.fix import FixScreen
from vops.tui.screens.help import HelpScreen
from vops.tui.screens.replica import ReplicaScreen

SIZES = [(80, 24), (120, 34), (200, 50)]
Draw = Callable[[Pilot[Any]], Awaitable[None]]


async def fleet(pilot: Pilot[Any]) -> None:
    await painted(pilot)
    await until(pilot, lambda: "gated-model" in screen_text(pilot.app))


async def replica(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    pilot.app.push_screen(ReplicaScreen(Ref("Pod", GATED, "research", f"uid-{GATED}")))
    await until(pilot, lambda: "✗ gated-model" in screen_text(pilot.app) and "following" in screen_text(pilot.app))


async def confirmation(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    pilot.app.push_screen(FixScreen(Ref("Pod", "mixtral-6f9c4-4hnvq", "research", "uid-mixtral-6f9c4-4hnvq")))
    await until(pilot, lambda: "Tolerate the taint" in screen_text(pilot.app))
    await pilot.press("a")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))


async def plan(pilot: Pilot[Any]) -> None:
    await confirmation(pilot)
    await pilot.press("escape")
    await pilot.pause()


async def nodes(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    await pilot.press("colon", *"nodes", "enter")
    await until(pilot, lambda: "GPUs of gpu-a-1" in screen_text(pilot.app))
    await until(pilot, lambda: "Waiting for a GPU 1" in screen_text(pilot.app))


async def findings(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    await pilot.press("colon", *"findings", "enter")
    await until(pilot, lambda: "looked" in screen_text(pilot.app))


async def events(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    await pilot.press("colon", *"events", "enter")
    await until(pilot, lambda: "BackOff" in screen_text(pilot.app))


async def workload(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    await pilot.press("tab", "enter")
    await until(pilot, lambda: "Findings" in screen_text(pilot.app) and "strategy" in screen_text(pilot.app))
    await until(pilot, lambda: "looking" not in screen_text(pilot.app))


async def command(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    await pilot.press("colon", "n", "down")


async def help_(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    await pilot.press("question_mark")
    await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))


@pytest.mark.usefixtures("looking", "planned")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "draw", [fleet, nodes, workload, findings, events, command, replica, plan, confirmation, help_]
)
def test_it_looks_as_it_did(snap_compare: Any, draw: Draw, size: tuple[int, int]) -> None:
    assert snap_compare(app_on(), run_before=draw, terminal_size=size)


@pytest.mark.parametrize("theme", ["day", "colour-blind", "mono", "ascii"])
def test_every_theme_looks_as_it_did(snap_compare: Any, theme: str) -> None:
    app = app_on(settings=Settings(tui=TuiSettings(theme=theme)))
    assert snap_compare(app, run_before=fleet, terminal_size=(100, 28))


async def rewound(pilot: Pilot[Any]) -> None:
    """An instant of the past, in a compact screen."""
    await fleet(pilot)
    app = pilot.app
    assert isinstance(app, VopsApp)
    observer = app._connection.observer
    assert isinstance(observer, builders.StubObserver)
    later = msgspec.structs.replace(builders.fleet_snapshot(), at=builders.NOW + timedelta(seconds=40))
    observer.show(later)
    await until(pilot, lambda: len(app.frames) == 2)
    await pilot.press("left")
    await until(pilot, lambda: "what is shown was at" in screen_text(app))


def test_the_past_looks_as_it_did(snap_compare: Any) -> None:
    app = app_on(settings=Settings(tui=TuiSettings(density="compact")))
    assert snap_compare(app, run_before=rewound, terminal_size=(100, 28))
