"""The TUI on the lab at a time that stands still, so that the same code draws the same pictures to the byte.

The lab is observed in steps of ten seconds before the app begins; from then on nothing moves but what the app itself
waits for. `Stage` leads the app from one screen to the next and draws each at every size.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import msgspec
from idle import LOOK_S, nothing_to_do
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from vops.adapters.kube import KubeCluster
from vops.adapters.vllm import VllmEngine
from vops.lab.clock import LabClock
from vops.lab.world import Lab
from vops.model.snapshot import ClusterSnapshot, Source
from vops.operations.diagnose import LONG_LOOK_S
from vops.operations.observation.observe import observe
from vops.operations.session import Session
from vops.ports import Cost
from vops.settings import Settings
from vops.tui.app import VopsApp
from vops.tui.connection import Opener
from vops.tui.lag import LoopLag
from vops.tui.screens.base import OpsScreen

SIZES = ((80, 24), (120, 34), (200, 50))
STEP_S, STEPS = 10.0, 24
"""How far apart the lab is observed, and how often: the past that sparklines and charts show."""
HALF_S = 5.0
"""What lies between the seconds at which servers write to their logs and those at which the lab is observed."""
UNFINISHED = (
    "LOADING",
    "reading…",
    "looking…",
    "looking,",
    "everything…",
    "examining",
    "asking the",
    "read&#160;yet",
    "read yet",
)
"""What a screen says while it waits for an answer, as it and as the SVG spell it."""
MOST_LOOKS = 20_000
A_MOMENT_S = 1.5
HOME = "/home/you"
FOLDER = r"/tmp/tmp\w{8}"  # noqa: S108 - what is looked for, not what is made


class Punctual(LoopLag):
    """A loop that is never late."""

    worst_s = 0.002


class StillClock:
    """Stands still once `stopped`; the lab's time goes on for those who wait a moment only: for a second scrape.

    That of a longer look as well, which takes about as long as other waits that are not to end.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.stopped: datetime | None = None

    def now(self) -> datetime:
        return self.stopped or self._lab.clock.now()

    def monotonic(self) -> float:
        return self._lab.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        if seconds > A_MOMENT_S and not LONG_LOOK_S - A_MOMENT_S / 4 < seconds <= LONG_LOOK_S:
            await asyncio.Event().wait()
        elif seconds > 0:
            await self._lab.advance(seconds)
        await asyncio.sleep(0)


class StillObserver:
    """Has seen `seen`, and nothing since."""

    def __init__(self, seen: ClusterSnapshot) -> None:
        self.seen = seen

    async def run(self) -> None:
        await asyncio.Event().wait()

    @property
    def pressing(self) -> int:
        return 0

    async def press(self, pressing: int) -> int:
        await asyncio.Event().wait()
        return pressing

    def snapshot(self) -> ClusterSnapshot:
        return self.seen

    def focus(self, visible: set[tuple[str, str]]) -> None:
        return None

    def cost(self) -> Cost:
        return Cost(7, 2.0)


def opener_of(*labs: Lab) -> Opener:
    """Opens sessions on labs that live in their time; on the one that the settings name where there are several."""

    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[Session]:
        lab = next((item for item in labs if item.scenario == settings.lab), labs[0])
        cluster = KubeCluster.at(lab.url, lab.token, context="lab", namespace="inference", readonly=settings.readonly)
        engine = VllmEngine(cluster.proxy, now=lab.clock.now)
        try:
            yield Session(cluster, engine, engine, None, lab.clock, settings, lab.hub_url)
        finally:
            await cluster.close()

    return opened


async def _seen(lab: Lab, session: Session, steps: int) -> list[ClusterSnapshot]:
    """What an observer would have seen of the lab, the latest last: rates are between one and the next."""
    found: list[ClusterSnapshot] = []
    await lab.advance(HALF_S)
    for _ in range(steps):
        await lab.advance(STEP_S)
        snapshot = await observe(session, window_s=0, related=False)
        before = {(item.namespace, item.pod): item.latest for item in found[-1].samples} if found else {}
        # A scrape is told from the one before by being younger than it was.
        at = snapshot.at - timedelta(seconds=(steps - len(found)) * 0.02)
        samples = tuple(
            msgspec.structs.replace(
                item,
                latest=item.latest and msgspec.structs.replace(item.latest, at=at),
                earlier=before.get((item.namespace, item.pod)),
            )
            for item in snapshot.samples
        )
        sources = sorted(snapshot.sources, key=lambda item: list(Source).index(item.source))
        found.append(msgspec.structs.replace(snapshot, samples=samples, sources=tuple(sources)))
    return found


class Stage:
    """One app on one lab; `open` goes to a screen, `draw` is what it looks like."""

    def __init__(self, app: VopsApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def back(self) -> None:
        """To the first screen as it was when the app began."""
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        await self.pilot.pause()
        await self.pilot.press("escape", "escape")
        await self.settled()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settled()

    async def settled(self) -> list[Strip]:
        """Lets the app work until it has nothing to do and the screen waits for no answer; what is on it then."""
        for _ in range(MOST_LOOKS):
            await self.pilot.pause()
            strips = self._strips()
            if not any(words in _text(strips) for words in UNFINISHED):
                return strips
            await asyncio.sleep(LOOK_S)
        raise AssertionError(f"it does not come to rest:\n{self.text()}")

    async def until(self, claim: Callable[[], bool]) -> list[Strip]:
        """Lets the app work until `claim` holds; what is on the screen then."""
        await _until(claim, self.text)
        return await self.settled()

    def text(self) -> str:
        """What is on the screen, line by line."""
        return _text(self._strips())

    def _strips(self) -> list[Strip]:
        return self.app.screen._compositor.render_strips()

    async def draw(self, size: tuple[int, int]) -> str:
        """The screen as SVG at a size, painted until nothing comes of it any more."""
        await self.pilot.resize_terminal(*size)
        before: list[Strip] = []
        for _ in range(50):
            strips = await self.until(lambda: all(screen.size == size for screen in self.app.screen_stack))
            if strips == before:
                # Renderers other than browsers would drop the spaces that the layout is made of.
                return _still(self.app.export_screenshot()).replace("<text ", '<text xml:space="preserve" ')
            before = strips
            self._paint()
        raise AssertionError(f"it looks different every time:\n{self.text()}")

    def _paint(self) -> None:
        """What the next second and the next picture would do."""
        for screen in self.app.screen_stack:
            if isinstance(screen, OpsScreen) and self.app.picture is not None:
                screen.tick()
                screen.repaint(self.app.picture)


async def _until(claim: Callable[[], bool], told: Callable[[], str]) -> None:
    for _ in range(MOST_LOOKS):
        if claim():
            return
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"it never came true:\n{told()}")


def _text(strips: Iterable[Strip]) -> str:
    return "\n".join(strip.text for strip in strips)


def _still(svg: str) -> str:
    """Without what comes from chance: the number of the picture, and the name of the folder, at its length."""
    return re.sub(FOLDER, f"{HOME}/.state", re.sub(r"\bterminal-\d+-", "terminal-", svg))


Lead = Callable[[Stage], Awaitable[None]]


class Shot(NamedTuple):
    """One screen: the name of its pictures, the scenario it shows, and how one gets there from the fleet."""

    name: str
    scenario: str
    lead: Lead


@asynccontextmanager
async def stage(scenario: str, steps: int = STEPS) -> AsyncIterator[Stage]:
    """The app on a lab that has stopped, at its first screen, after so many looks at the lab."""
    lab = await Lab.start(scenario, clock=LabClock())
    try:
        with tempfile.TemporaryDirectory(prefix="tmp", dir="/tmp") as state, _home(state), _no_blinking():
            settings = Settings(lab=scenario)
            async with opener_of(lab)(settings) as opened:
                clock = StillClock(lab)
                session = replace(opened, clock=clock)
                past = await _seen(lab, session, steps)
                clock.stopped = lab.clock.now()
                app = VopsApp(session, StillObserver(past[0]), settings=settings)
                app.lag = Punctual()
                async with app.run_test(size=SIZES[0]) as pilot:
                    on = Stage(app, pilot)
                    await _remember(on, past)
                    await on.settled()
                    yield on
                    await on.back()
    finally:
        await lab.stop()


async def _remember(on: Stage, past: Sequence[ClusterSnapshot]) -> None:
    """Gives the app the past that it would remember had it been open."""
    app = on.app
    await _until(lambda: app.picture is not None, on.text)
    feed, observer = app._connection._feed, app._connection.observer
    assert feed is not None
    assert isinstance(observer, StillObserver)
    for snapshot in past[1:]:
        feed._painter.picture(snapshot)
        observer.seen = snapshot
    feed.nudge()
    await _until(lambda: app.picture is not None and app.picture.view.at == past[-1].at, on.text)


@contextmanager
def _no_blinking() -> Iterator[None]:
    """The cursor of every field is to be seen, and a key is done when the app has nothing to do."""
    with (
        mock.patch("textual.widgets.Input._toggle_cursor", _stay),
        mock.patch("textual.app.wait_for_idle", nothing_to_do),
        mock.patch("textual.pilot.wait_for_idle", nothing_to_do),
    ):
        yield


def _stay(_: Input) -> None:
    """What a cursor does that does not blink."""


@contextmanager
def _home(state: str) -> Iterator[None]:
    """The same home for everybody: settings and journals are not those of who draws."""
    kept = {name: os.environ.get(name) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    os.environ.update(HOME=HOME, XDG_CONFIG_HOME=f"{HOME}/.config", XDG_STATE_HOME=state)
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def journals() -> Path:
    """Where the app that is drawn keeps its journals."""
    return Path(os.environ["XDG_STATE_HOME"]) / "vops"
