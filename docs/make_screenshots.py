"""Writes docs/images: every screen of the TUI, on the lab, at three sizes. Tests compare the screens with these files.

`python docs/make_screenshots.py [NAME…]`. A line in SHOTS is a screen and the way to it; look at what it draws before
you keep it.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import msgspec
from stills import SIZES, Lead, Shot, Stage, journals, stage
from textual.widgets import Input

from vops.model.objects import Ref
from vops.operations.running.journal import Journal
from vops.operations.running.run import RunResult
from vops.operations.running.runs import BEGUN, ENDED, EVENT, Ending, past_run
from vops.planning.events import RunEvent, StepState
from vops.planning.plan import Plan
from vops.tui.registry import About, entry_of
from vops.tui.running import Run
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.logs import LogsScreen
from vops.tui.screens.past_run import PastRunScreen
from vops.tui.screens.plan import PlanScreen
from vops.tui.screens.run import RunScreen
from vops.tui.watch_window import WatchWindow, measured

IMAGES = Path(__file__).parent / "images"
RUN = "20260302-090412-c0ffee"


def opened(name: str, *keys: str) -> Lead:
    """A screen of the registry, about the row under the cursor or its workload; then `keys`."""

    async def lead(on: Stage) -> None:
        entry = entry_of(name)
        assert entry is not None
        on.app.open(name, None if entry.about is About.NOTHING else _subject(on, entry.about))
        await on.settled()
        await on.press(*keys)

    return lead


def pressed(*keys: str) -> Lead:
    """What `keys` lead to from the fleet."""

    async def lead(on: Stage) -> None:
        await on.press(*keys)

    return lead


async def completed(on: Stage) -> None:
    """A command that is being typed, and what it may become."""
    await on.press("colon", "n")
    await on.until(lambda: ": nodes" in on.text())


async def log(on: Stage) -> None:
    """The log under the cursor, all of it that was read on the screen."""
    await opened("logs")(on)
    screen = on.app.screen
    assert isinstance(screen, LogsScreen)
    await on.until(lambda: 0 < len(screen.pane.texts) == len(screen.pane.numbered))


def _subject(on: Stage, about: About) -> Ref:
    fleet = on.app.screen
    assert isinstance(fleet, FleetScreen)
    assert fleet.subject is not None
    return on.app.workload_of(fleet.subject) if about is About.WORKLOAD else fleet.subject


async def _plan(on: Stage) -> Plan:
    """The plan that fixes what is under the cursor."""
    await on.pilot.press("f")
    await on.until(lambda: isinstance(on.app.screen, PlanScreen) and on.app.screen.plan is not None)
    screen = on.app.screen
    assert isinstance(screen, PlanScreen)
    assert screen.plan is not None
    return screen.plan


def _events(on: Stage, plan: Plan, done: int) -> list[RunEvent]:
    """What a run tells that has done so many of its steps."""
    states = [StepState.DONE] * done + [StepState.RUNNING]
    return [
        RunEvent(on.app.now(), step.id, state, step.says[0] if step.says else "")
        for step, state in zip(plan.steps, states, strict=False)
    ]


def running(done: int, ending: Ending | None = None) -> Lead:
    """A run that has come so far."""

    async def lead(on: Stage) -> None:
        plan = await _plan(on)
        run = Run(plan, _never_asked, lambda: None)
        run.told = {event.step: (str(event.state), event.message) for event in _events(on, plan, done)}
        if ending is not None:
            run.result = RunResult(RUN, ending, journal=f"~/.local/state/vops/runs/{RUN}.jsonl")
        on.app.push_screen(RunScreen(run))
        await on.settled()

    return lead


async def watched(on: Stage) -> None:
    """The card of a run that has gone well four minutes ago, when the first token took less long than now."""
    plan = await _plan(on)
    run = Run(plan, _never_asked, lambda: None)
    run.told = {event.step: (str(event.state), event.message) for event in _events(on, plan, len(plan.steps))}
    run.result = RunResult(RUN, Ending.APPLIED, journal=f"~/.local/state/vops/runs/{RUN}.jsonl")
    facts, ended = on.app.facts_now, on.app.now() - timedelta(minutes=4)
    now = measured(plan, facts)
    before = {ref: msgspec.structs.replace(item, ttft_p95_s=1.2) for ref, item in now.items()}
    run.watch = WatchWindow(plan, before, facts, ended, timedelta(minutes=10))
    run.watch.look(facts)
    on.app.push_screen(RunScreen(run))
    await on.settled()


async def _never_asked(_: object) -> bool:
    raise AssertionError("nothing is carried out here")


async def _journalled(on: Stage) -> None:
    """A run that was carried out and one that was interrupted, as their journals tell it."""
    plan = await _plan(on)
    shutil.rmtree(journals() / "runs", ignore_errors=True)
    for run, ending, done in ((RUN, Ending.FIXED, 9), ("20260302-085102-0ddba1", None, 2)):
        with Journal(journals(), run, on.app._clock) as journal:
            journal.note(BEGUN, {"run": run, "plan": plan})
            for event in _events(on, plan, done):
                journal.note(EVENT, event)
            if ending is not None:
                journal.note(ENDED, {"outcome": ending, "error": "", "steps": ()})
    await on.back()


async def past_runs(on: Stage) -> None:
    await _journalled(on)
    on.app.open("runs")
    await on.settled()


async def past(on: Stage) -> None:
    await _journalled(on)
    on.app.push_screen(PastRunScreen(past_run(journals(), RUN)))
    await on.settled()


async def form(on: Stage) -> None:
    """The parameters of a runbook, one of them not a number."""
    on.app.open("runbooks", typed="^scale")
    await on.settled()
    await on.pilot.press("enter")
    await on.until(lambda: isinstance(on.app.focused, Input))
    field = on.app.focused
    assert isinstance(field, Input)
    field.value = "many"
    await on.press("enter")


TRAFFIC, PENDING, ROLLOUT, CRASH = "overloaded", "taint-and-gpu-shortage", "rollout-deadlock", "kv-cache-too-small"

SHOTS = (
    Shot("fleet", "healthy", pressed()),
    Shot("command", "healthy", completed),
    Shot("pick", "healthy", pressed("n")),
    Shot("jump", "healthy", pressed("ctrl+o")),
    Shot("help", "healthy", pressed("question_mark")),
    Shot("runbooks", "healthy", opened("runbooks")),
    Shot("params", "healthy", form),
    Shot("doctor", "healthy", opened("doctor")),
    Shot("settings", "healthy", opened("settings")),
    Shot("replica", TRAFFIC, opened("replica")),
    Shot("charts", TRAFFIC, opened("charts")),
    Shot("engine", TRAFFIC, opened("engine")),
    Shot("undo-card", TRAFFIC, watched),
    Shot("events", TRAFFIC, opened("events")),
    Shot("storage", "claim-unbound", opened("storage")),
    Shot("nodes", PENDING, opened("nodes")),
    Shot("findings", PENDING, opened("findings")),
    Shot("workload", ROLLOUT, opened("workload")),
    Shot("diagnosis", CRASH, opened("diagnose")),
    Shot("plan", CRASH, pressed("f")),
    Shot("confirm", CRASH, pressed("f", "a")),
    Shot("run", CRASH, running(2)),
    Shot("ended", CRASH, running(9, Ending.FIXED)),
    Shot("runs", CRASH, past_runs),
    Shot("past-run", CRASH, past),
    Shot("logs", CRASH, log),
)


Pictures = AsyncGenerator[tuple[str, str], None]


async def drawn(shots: Iterable[Shot], sizes: Iterable[tuple[int, int]] = SIZES) -> Pictures:
    """(name of the file, SVG) of shots of one scenario, one app for all of them."""
    wanted, sizes = list(shots), list(sizes)
    async with stage(wanted[0].scenario) as on:
        for shot in wanted:
            await on.pilot.resize_terminal(*sizes[0])
            await on.back()
            await shot.lead(on)
            for size in sizes:
                yield f"{shot.name}-{size[0]}x{size[1]}.svg", await on.draw(size)


async def write(names: list[str]) -> None:
    IMAGES.mkdir(exist_ok=True)
    wanted = [shot for shot in SHOTS if not names or shot.name in names]
    for _, shots in groupby(sorted(wanted, key=lambda shot: shot.scenario), key=lambda shot: shot.scenario):
        async with aclosing(drawn(shots)) as pictures:  # else the app and its lab are closed in no order after an error
            async for name, svg in pictures:
                (IMAGES / name).write_text(svg, "utf-8")


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1:]))
