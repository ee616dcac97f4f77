"""Every key that help lists on a screen can be pressed there: nothing raises, and the app is still there."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, until
from vops.model.resources import Ref
from vops.settings import Settings
from vops.tui.app import VopsApp
from vops.tui.registry import SCREENS, About, ScreenEntry

LEAVING = {"app.quit", "app.quit_always"}
REF = Ref("Pod", GATED, "research", f"uid-{GATED}")
WORKLOAD = Ref("Deployment", "gemma-3-27b", "research", "uid-gemma-3-27b")


async def back_to(app: VopsApp, pilot: Pilot[None], entry: ScreenEntry) -> None:
    """The screen again, fresh, with nothing above it."""
    while len(app.screen_stack) > 1:
        app.pop_screen()
        await pilot.pause()
    if entry.name != "fleet":
        app.open(entry.name, _subject(entry))
    await until(pilot, lambda: type(app.screen) is entry.load() and app.screen.is_drawn)


def _subject(entry: ScreenEntry) -> Ref | None:
    subjects = {About.NOTHING: None, About.WORKLOAD: WORKLOAD}
    return subjects.get(entry.about, REF)


@pytest.mark.usefixtures("looking", "planned")
@pytest.mark.parametrize("entry", SCREENS, ids=lambda entry: entry.name)
async def test_every_key_of_a_screen_can_be_pressed(entry: ScreenEntry, tmp_path: Path) -> None:
    app = app_on(builders.fleet_snapshot(), settings=Settings(state_dir=str(tmp_path)))
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        await back_to(app, pilot, entry)
        keys = [item.binding for item in app.screen.active_bindings.values() if item.binding.id not in LEAVING]
        for binding in keys:
            await pilot.press(binding.key)
            await pilot.pause()
            assert app.is_running, f"{binding.key} ended it"
            await back_to(app, pilot, entry)
    assert app._exception is None
