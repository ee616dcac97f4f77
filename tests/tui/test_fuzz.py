"""Random keys and sizes on a lab that changes under the screen: nothing raises, nothing freezes.

Some seconds of it belong to the suite; `VOPS_FUZZ_S=600 pytest tests/tui/test_fuzz.py -s` is the long run. A failure
names its seed, and `VOPS_FUZZ_SEED` repeats it.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest
from stills import opener_of
from textual.pilot import Pilot

from vops.lab.clock import LabClock
from vops.lab.scenarios import discover
from vops.lab.world import Lab
from vops.model.pods import Pod
from vops.model.resources import PODS
from vops.operations.session import Session
from vops.settings import Settings
from vops.tui.app import VopsApp

SECONDS = float(os.environ.get("VOPS_FUZZ_S", "6"))
SEED = int(os.environ.get("VOPS_FUZZ_SEED", "0")) or random.randrange(1, 1 << 30)  # noqa: S311 - nothing secret
FROZEN_S = 10.0
"""A key that nothing came of for this long has met a screen that is stuck."""

SIZES = ((80, 24), (120, 34), (200, 50), (40, 10), (20, 5), (300, 90), (80, 3), (5, 24))
COMMANDS = (
    "fleet", "nodes", "logs", "diagnose", "fix", "ns inference", "ns", "ns nowhere", "sort kv", "columns pod kv",
    "columns", "theme ascii", "theme day", "theme night", "theme mono", "density", "live", "help", "nonsense", "",
)  # fmt: skip
FILTERS = ("llama", "(.*a){14}x", "!ready", "[", "-l app", "-l !!", "-f lma", "nothing at all", "")
KEYS = (
    *"dflsSnzcrp012345wy?.[]{}jkgGaxhJ ", "enter", "escape", "escape", "escape", "tab", "shift+tab", "up", "down",
    "left", "right", "shift+left", "shift+right", "pageup", "pagedown", "home", "end", "backspace", "ctrl+f", "ctrl+b",
    "slash", "colon", "question_mark",
)  # fmt: skip


async def disturb(chance: random.Random, session: Session) -> None:
    """Takes a pod away, so that another one comes."""
    listing = await session.cluster.list(PODS)
    pods = [pod for pod in listing.items if isinstance(pod, Pod) and pod.metadata.owner_references]
    if pods:
        meta = chance.choice(pods).metadata
        await session.cluster.delete(PODS, meta.name, meta.namespace, uid=meta.uid)


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Presses keys one by one. Raises TimeoutError for one that nothing came of."""
    for key in keys:
        await asyncio.wait_for(pilot.press(key), FROZEN_S)


async def press_something(chance: random.Random, pilot: Pilot[None]) -> str:
    """One key, a command, a filter, a click or another size; says which."""
    what = chance.random()
    if what < 0.05:
        size = chance.choice(SIZES)
        await pilot.resize_terminal(*size)
        return f"size {size}"
    if what < 0.12:
        typed: str = chance.choice(COMMANDS)
        await press(pilot, "escape", "colon", *typed, "enter")
        return f":{typed}"
    if what < 0.16:
        typed = chance.choice(FILTERS)
        await press(pilot, "escape", "slash", *typed, "enter")
        return f"/{typed}"
    if what < 0.20:
        width, height = pilot.app.size
        spot = (chance.randrange(max(1, width)), chance.randrange(max(1, height)))
        await pilot.click(offset=spot, times=chance.choice((1, 2)))
        return f"click {spot}"
    key: str = chance.choice(KEYS)
    await press(pilot, key)
    return key


async def go_on(labs: Sequence[Lab], chance: random.Random, seconds: float) -> None:
    """Lets the time of all labs pass; now and then the API server of one is away for some of it."""
    struck = chance.choice(labs) if chance.random() < 0.02 else None
    if struck is not None:
        await struck.server.outage()
    await labs[0].advance(seconds)
    for lab in labs[1:]:
        lab.world.run_until(lab.clock.time())
    if struck is not None:
        await struck.server.start()


async def play(app: VopsApp, labs: Sequence[Lab], chance: random.Random, ends: float) -> int:
    """Plays until `ends`; how many things it did."""
    done, last = 0, deque[str](maxlen=30)
    async with app.run_test(size=(120, 34)) as pilot:
        while time.monotonic() < ends:
            try:
                last.append(await press_something(chance, pilot))
            except TimeoutError as error:
                raise AssertionError(f"frozen, seed {SEED}: {list(last)}") from error
            done += 1
            await go_on(labs, chance, chance.choice((0.1, 0.5, 2.0)))
            if done % 40 == 0 and app.session is not None:
                await disturb(chance, app.session)
            assert app.is_running, f"it ended, seed {SEED}: {list(last)}"
    assert app._exception is None, f"it failed, seed {SEED}: {list(last)}"
    return done


async def test_fuzzed_keys_and_sizes_on_a_changing_lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - nothing secret
    monkeypatch.setattr(VopsApp, "action_leave", lambda self: None)
    ends, done = time.monotonic() + SECONDS, 0
    while time.monotonic() < ends:
        scenarios = chance.sample(sorted(discover()), chance.choice((1, 1, 2)))
        clock = LabClock()
        labs = [await Lab.start(scenario, clock=clock) for scenario in scenarios]
        try:
            settings = Settings(lab=",".join(scenarios), state_dir=str(tmp_path))
            app = VopsApp(settings=settings, opener=opener_of(*labs))
            round_ends = min(ends, time.monotonic() + 60)
            done += await play(app, labs, chance, round_ends)
        finally:
            for lab in labs:
                await lab.stop()
        print(f"{scenarios}: {done} in all, seed {SEED}")  # noqa: T201 - how far the long run is
    assert done > SECONDS  # something was pressed every second, or a screen was stuck
