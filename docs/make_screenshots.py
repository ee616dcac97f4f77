"""Writes docs/images: the TUI on the lab at a time that stands still, so that the same code draws the same pictures.

`python docs/make_screenshots.py [NAME…]`. Each shot is a scenario, a size and the keys that lead there.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from textual.pilot import Pilot

from vops.adapters.kube import KubeCluster
from vops.adapters.vllm import VllmEngine
from vops.lab.clock import LabClock
from vops.lab.world import Lab
from vops.operations.session import Session
from vops.settings import Settings
from vops.tui.app import VopsApp
from vops.tui.connection import Opener
from vops.tui.lag import LoopLag

IMAGES = Path(__file__).parent / "images"
WARM_UP_S = 20
"""Virtual seconds before the first key: enough for two scrapes of every replica."""
UNFINISHED = ("LOADING", "reading…", "looking…", "looking,", "everything…", "read&#160;yet")
"""What a screen says while it waits for an answer, as the SVG spells it."""


class Punctual(LoopLag):
    """A loop that is never late."""

    worst_s = 0.002


class Shot(NamedTuple):
    """One picture: its name, what it shows, its size in cells, and the keys to press first."""

    name: str
    scenario: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()


SHOTS = (
    Shot("fleet-80x24", "healthy", (80, 24)),
    Shot("fleet-120x34", "healthy", (120, 34)),
    Shot("fleet-200x50", "healthy", (200, 50)),
    Shot("nodes-120x34", "untolerated-taint", (120, 34), ("colon", *"nodes", "enter", "down")),
    Shot("command-80x24", "healthy", (80, 24), ("colon", "n")),
    Shot("replica-120x34", "overloaded", (120, 34), ("enter",)),
    Shot("workload-120x34", "rollout-deadlock", (120, 34), ("tab", "enter")),
    Shot("findings-120x34", "taint-and-gpu-shortage", (120, 34), ("colon", *"findings", "enter")),
    Shot("diagnosis-120x34", "kv-cache-too-small", (120, 34), ("d",)),
    Shot("plan-120x34", "kv-cache-too-small", (120, 34), ("f",)),
    Shot("logs-120x34", "tensor-parallel-mismatch", (120, 34), ("l",)),
    Shot("runbooks-120x34", "healthy", (120, 34), ("colon", *"runbooks", "enter")),
    Shot("help-120x34", "healthy", (120, 34), ("question_mark",)),
)


async def screenshot(scenario: str, size: tuple[int, int], keys: tuple[str, ...] = ()) -> str:
    """The screen as SVG after `keys`, on a lab whose clock only moves between them."""
    lab = await Lab.start(scenario, clock=LabClock())
    try:
        with tempfile.TemporaryDirectory() as state:
            app = VopsApp(settings=Settings(lab=scenario, state_dir=state), opener=opener_of(lab))
            app.lag = Punctual()  # the lab lives on the same loop here: how late it is says nothing about the app
            async with app.run_test(size=size) as pilot:
                await _pass(lab, pilot, WARM_UP_S)
                for key in keys:
                    await pilot.press(key)
                    await _pass(lab, pilot, 3)
                await _settle(lab, pilot)
                # Renderers other than browsers would drop the spaces that the layout is made of.
                return app.export_screenshot().replace("<text ", '<text xml:space="preserve" ')
    finally:
        await lab.stop()


def opener_of(lab: Lab) -> Opener:
    """Opens sessions on `lab` that live in its time."""

    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[Session]:
        cluster = KubeCluster.at(lab.url, lab.token, context="lab", namespace="inference")
        engine = VllmEngine(cluster.proxy, now=lab.clock.now)
        try:
            yield Session(cluster, engine, engine, None, lab.clock, settings, lab.hub_url)
        finally:
            await cluster.close()

    return opened


async def _pass(lab: Lab, pilot: Pilot[None], seconds: int) -> None:
    """Lets virtual time pass in small steps, and the app see each of them."""
    for _ in range(seconds * 2):
        await lab.advance(0.5)
        await pilot.pause(0.02)
    await _caught_up(lab, pilot)


async def _caught_up(lab: Lab, pilot: Pilot[None]) -> None:
    """Waits, in real time, for a picture of what is now in the lab."""
    app = pilot.app
    for _ in range(200):
        at = app.picture.view.at if isinstance(app, VopsApp) and app.picture is not None else None
        if at is not None and (lab.clock.now() - at).total_seconds() < 1:
            break
        await pilot.pause(0.05)


async def _settle(lab: Lab, pilot: Pilot[None]) -> None:
    """Lets the answers arrive that a thread or a slow machine still owes."""
    for _ in range(60):
        if not any(words in pilot.app.export_screenshot() for words in UNFINISHED):
            return
        await _pass(lab, pilot, 1)


def main(names: list[str]) -> None:
    IMAGES.mkdir(exist_ok=True)
    for shot in (shot for shot in SHOTS if not names or shot.name in names):
        svg = asyncio.run(screenshot(shot.scenario, shot.size, shot.keys))
        (IMAGES / f"{shot.name}.svg").write_text(svg, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
