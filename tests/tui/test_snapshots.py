"""What the screens look like: as in docs/images, on the lab; themes and the past on data and a clock that stand still.

`python docs/make_screenshots.py` draws docs/images anew, `--snapshot-update` the rest.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest
from make_screenshots import IMAGES, SHOTS, drawn, write
from stills import SIZES
from textual.pilot import Pilot

from tests.tui import builders
from tests.tui.conftest import app_on, painted, screen_text, until
from vops.settings import Settings, TuiSettings
from vops.tui.app import VopsApp
from vops.tui.registry import SCREENS

SCENARIOS = {
    scenario: list(shots)
    for scenario, shots in groupby(sorted(SHOTS, key=lambda shot: shot.scenario), key=lambda shot: shot.scenario)
}
ELSEWHERE = {"diagnose": "diagnosis", "fix": "plan"}
"""Screens whose pictures have another name."""
OVER_ANOTHER = ("command", "pick", "jump", "help", "params", "confirm")
"""Boxes over a screen, and the prompt: their keys are others."""


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_every_screen_looks_as_in_the_documentation(scenario: str) -> None:
    changed = [name async for name, svg in drawn(SCENARIOS[scenario]) if svg != (IMAGES / name).read_text("utf-8")]
    assert changed == [], "look at what python docs/make_screenshots.py draws; keep it if it is what you meant"


def test_a_picture_that_cannot_be_written_ends_the_app_before_the_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("make_screenshots.IMAGES", tmp_path)
    (tmp_path / "settings-80x24.svg").mkdir()
    with pytest.raises(IsADirectoryError):
        asyncio.run(write(["settings"]))
    assert caplog.messages == []


def test_every_screen_has_its_pictures_and_every_picture_its_screen() -> None:
    shown = {shot.name for shot in SHOTS}
    assert {ELSEWHERE.get(entry.name, entry.name) for entry in SCREENS} <= shown
    files = {f"{shot.name}-{width}x{height}.svg" for shot in SHOTS for width, height in SIZES}
    assert {path.name for path in IMAGES.iterdir()} == files


async def fleet(pilot: Pilot[Any]) -> None:
    await painted(pilot)
    await until(pilot, lambda: "gated-model" in screen_text(pilot.app))


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
    await until(pilot, lambda: len(app.present.frames) == 2)
    await pilot.press("left")
    await until(pilot, lambda: "what is shown was at" in screen_text(app))


def test_the_past_looks_as_it_did(snap_compare: Any) -> None:
    app = app_on(settings=Settings(tui=TuiSettings(density="compact")))
    assert snap_compare(app, run_before=rewound, terminal_size=(100, 28))


@pytest.mark.parametrize("shot", [shot.name for shot in SHOTS if shot.name not in OVER_ANOTHER])
def test_no_key_is_cut_off_at_80_columns(shot: str) -> None:
    """The last key of the line at the bottom is there, whole."""
    svg = (IMAGES / f"{shot}-80x24.svg").read_text("utf-8")
    assert re.search(r">(&#160;)?Quit(&#160;)*<", svg)
