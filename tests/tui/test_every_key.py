"""Every key of every screen is pressed where it counts: something comes of it, nothing raises, the app is still there.

Keys are those that the classes of vops.tui declare, so a new one is pressed by itself. A new class with keys must say
where that is; what must be done before a key has anything to do is in BEFORE.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

import pytest
from make_screenshots import SHOTS
from stills import Shot, Stage, stage
from textual.binding import Binding

import vops.tui.screens
import vops.tui.widgets
from vops.tui.app import VopsApp
from vops.tui.registry import SCREENS
from vops.tui.screens.base import OpsScreen

HOMES = {
    "VopsApp": "fleet", "ListScreen": "fleet", "Table": "fleet", "PromptInput": "command", "LogPane": "logs",
    "Lines": "help", "PlanScreen": "plan", "ParamsScreen": "params", "ConfirmScreen": "confirm", "PickScreen": "pick",
    "HelpScreen": "help", "RunScreen": "run", "PastRunScreen": "past-run", "DiagnosisScreen": "diagnosis",
}  # fmt: skip
"""The picture on which the keys of a class are pressed; for a screen of the registry, the one of its name."""
ELSEWHERE = {"run.undo": "ended", "past_run.resume": "past-run"}
"""Keys that are pressed on another picture than the others of their class."""
SHARED = {"list.": "fleet", "back": ""}
"""Families of keys that many screens take over: pressed on one of them."""

BEFORE = {
    "table.up": ["down"], "table.page_up": ["end"], "table.first": ["end"], "table.last": ["home"],
    "table.page_down": ["home"], "table.down": ["home"],
    "replica.findings": ["2"], "workload.rollout": ["2"],
    "table.later": ["left", "left"], "table.much_later": ["left", "left"], "app.later": ["left", "left"],
    "app.much_later": ["left", "left"], "app.live": ["left"],
    "list.all_namespaces": ["1"], "list.leave": ["slash", "l", "enter"], "fleet.group": [],
    "lines.up": ["G"], "lines.top": ["G"], "lines.down": ["g"], "lines.end": ["g"], "pick.up": ["down"],
    "log.follow": ["home"], "logs.next": ["slash", "ctrl+u", "I", "N", "F", "O", "enter"],
    "logs.before": ["slash", "ctrl+u", "I", "N", "F", "O", "enter"],
}  # fmt: skip
"""What is pressed first, so that there is something to do."""
NOTHING_TO_SEE = {
    "fleet.group": "there is no group to fold in this fleet",
    "list.refresh": "what is shown is as new as it can be",
    "prompt.up": "nothing was typed before",
    "pick.mark": "one namespace is picked; contexts are marked in test_several_contexts",
    **dict.fromkeys(
        (
            "doctor.look",
            "replica.look",
            "storage.look",
            "findings.look",
            "workload.look",
            "diagnosis.look",
            "plan.plan",
            "runs.read",
        ),
        "what it finds is what was found before",
    ),
}
"""Keys of which nothing can be seen here, and why."""


class Pressed(NamedTuple):
    """One key of one binding, and on which picture it is pressed."""

    picture: str
    binding: Binding
    key: str


def classes() -> list[type]:
    """Every class of the TUI that declares keys."""
    modules = [import_module("vops.tui.app")]
    for package in (vops.tui.screens, vops.tui.widgets):
        modules += [import_module(f"{package.__name__}.{item.name}") for item in pkgutil.iter_modules(package.__path__)]
    found = {item for module in modules for _, item in inspect.getmembers(module, inspect.isclass)}
    ours = (item for item in found if item.__module__.startswith("vops.tui") and "BINDINGS" in vars(item))
    return sorted(ours, key=lambda item: item.__name__)


def home(declaring: type) -> str:
    """The picture on which the keys of a class are pressed."""
    by_class = {entry.load().__name__: entry.name for entry in SCREENS}
    return HOMES.get(declaring.__name__) or by_class[declaring.__name__]


def keys() -> Iterator[Pressed]:
    for declaring in classes():
        for binding in vars(declaring)["BINDINGS"]:
            assert isinstance(binding, Binding)
            family = next((picture for begin, picture in SHARED.items() if (binding.id or "").startswith(begin)), None)
            picture = ELSEWHERE.get(binding.id or "") or (home(declaring) if family is None else family)
            if picture:
                for key in binding.key.split(","):
                    yield Pressed(picture, binding, key)


def test_every_class_with_keys_has_a_place_where_they_are_pressed() -> None:
    pictures = {shot.name for shot in SHOTS}
    assert {home(declaring) for declaring in classes()} <= pictures
    assert {entry.name for entry in SCREENS if entry.name not in ("fix", "diagnose")} <= pictures


def _state(on: Stage) -> object:
    """All that a key may change: screens, text, focus, clipboard, what is said in the corner."""
    app = on.app
    said = [note.message for note in app._notifications]
    return [type(screen) for screen in app.screen_stack], on.text(), app.focused, app.clipboard, said


class Place:
    """A picture, gone to again whenever a key has led away from it."""

    def __init__(self, on: Stage, shot: Shot) -> None:
        self.on, self._shot = on, shot
        self._screen: object = None

    async def be(self) -> None:
        screen = self.on.app.screen
        prompted = isinstance(screen, OpsScreen) and screen.prompt.is_open
        if screen is not self._screen or prompted:
            await self.on.back()
            await self._shot.lead(self.on)
            self._screen = self.on.app.screen
        self.on.app.clear_notifications()

    async def press(self, item: Pressed) -> bool:
        """Presses a key; whether anything came of it."""
        await self.on.pilot.press(*BEFORE.get(item.binding.id or "", ()))
        await self.on.pilot.pause()
        before = _state(self.on)
        await self.on.pilot.press(item.key)
        if (item.binding.id or "") in NOTHING_TO_SEE:
            return True
        for _ in range(40):
            if _state(self.on) != before:
                return True
            await self.on.pilot.pause(0.025)
        return False


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
async def test_every_key_does_something(shot: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VopsApp, "action_leave", lambda app: app.tell("it would end now"))
    wanted = {(item.binding.key, item.key): item for item in keys() if item.picture == shot.name}.values()
    dead = []
    async with stage(shot.scenario, steps=4) as on:
        await on.pilot.resize_terminal(100, 16)
        place = Place(on, shot)
        for item in wanted:
            await place.be()
            if not await place.press(item):
                dead.append(f"{item.key}: {item.binding.action}")
            assert on.app.is_running
            assert on.app._exception is None
    assert dead == []


def test_every_key_has_a_name_for_keymaps() -> None:
    assert [item.binding.action for item in keys() if not item.binding.id] == []


def test_every_full_screen_offers_the_way_on_and_the_way_out() -> None:
    shown = {binding.key for binding in VopsApp.BINDINGS if isinstance(binding, Binding) and binding.show}
    assert {"colon", "question_mark", "q"} <= shown
    assert all(issubclass(entry.load(), OpsScreen) for entry in SCREENS)
