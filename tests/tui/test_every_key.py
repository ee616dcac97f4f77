"""Every key that help lists on a screen can be pressed there: nothing raises, and the app is still there."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding
from textual.pilot import Pilot

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, until
from vops.model.resources import Ref
from vops.settings import Settings
from vops.tui.app import VopsApp
from vops.tui.registry import SCREENS, About, ScreenEntry

REF = Ref("Pod", GATED, "research", f"uid-{GATED}")
WORKLOAD = Ref("Deployment", "gemma-3-27b", "research", "uid-gemma-3-27b")


SHARED = ("app", "table", "list", "log", "command")
"""The families of keys that many screens have: they are pressed on the first one."""


def _is_own(binding: Binding, entry: ScreenEntry) -> bool:
    return entry.name == "fleet" or (binding.id or "").partition(".")[0] not in SHARED


async def back_to(app: VopsApp, pilot: Pilot[None], entry: ScreenEntry) -> None:
    """The screen again, fresh, with nothing above it."""
    while len(app.screen_stack) > 1:
        app.pop_screen()
    await pilot.press("escape")
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
        keys = [item.binding for item in app.screen.active_bindings.values()]
        assert {binding.action for binding in keys if binding.key in ("ctrl+c", "ctrl+q")} == {"leave"}
        present = app.screen
        for key in (binding.key for binding in keys if binding.action != "leave" and _is_own(binding, entry)):
            await pilot.press(key)
            assert app.is_running, f"{key} ended it"
            if app.screen is not present or present.prompt.is_open:  # type: ignore[attr-defined]
                await back_to(app, pilot, entry)
                present = app.screen
    assert app._exception is None
