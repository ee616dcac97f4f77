"""The troubleshooting table of the guide, solved by somebody who has never seen vops: only keys that the screen names.

The table in docs/guides/tui.md is the source: what it says is pressed, and what it counts is counted, at 80×24.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from stills import opener_of
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input

from tests.tui.conftest import screen_text
from vops.lab.clock import LabClock
from vops.lab.world import Lab
from vops.operations.running.runs import Ending
from vops.settings import Settings
from vops.tui.app import VopsApp
from vops.tui.widgets.hints import Hints

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "tui.md"
ROW = re.compile(
    r"^\| (?P<symptom>[^|]+) \| `vops --lab (?P<lab>[\w-]+)` \| (?P<press>[^|]+) \| (?P<keys>[^|]+) \|", re.M
)
PRESSED = re.compile(r"`(?P<key>[^`]+)`|\*(?P<typed>[^*]+)\*")
NAMES = {"→": "right"}
"""What a key is called by Textual where the guide calls it something else."""

BY_HAND = {
    "gpu-not-advertised": "Add to the tolerations of the device plugin kube-system/nvidia-device-plugin: key "
    "nvidia.com/gpu, operator Exists, effect NoSchedule.",
    "gpus-busy": "Scale down or move one of the holders named in the evidence",
}
"""What only a person can do: the instruction that must be on the screen."""
ENDS = {"cold-start": Ending.APPLIED}
"""How a run ends that mends nothing."""
HOUR_S = 3600.0


class Walk(NamedTuple):
    """One row of the guide: what is pressed (`*` before what is typed into a field), and how many keys it says."""

    lab: str
    press: tuple[str, ...]
    keys: str

    @property
    def counted(self) -> str:
        """The count as the guide writes it."""
        names = sum(item.startswith("*") for item in self.press)
        return f"{len(self.press) - names}" + (" and a name" if names else "")


def walks() -> list[Walk]:
    found = []
    for row in ROW.finditer(GUIDE.read_text("utf-8")):
        press = (match["key"] or "*" + match["typed"] for match in PRESSED.finditer(row["press"]))
        found.append(Walk(row["lab"], tuple(press), row["keys"].strip()))
    return found


def offered(app: VopsApp) -> set[str]:
    """The keys that the screen names: in a footer, as far as it is to be seen, and in the frames."""
    keys = {hint.shown for hints in app.screen.query(Hints) for hint in hints.seen if hint.enabled}
    for widget in app.screen.query(Widget):
        keys |= _hinted(widget.border_subtitle) | _hinted(widget.border_title)
    return {"enter" if key == "⏎" else key for key in keys}


def _hinted(border: str | None) -> set[str]:
    """`esc cancels · ←→ chooses` names three keys; `Plan  p fills in what is missing` one."""
    words = {part.split()[0] for part in re.split(r"·|  +", str(border or "")) if part.strip()}
    return {key for word in words for key in (word if set(word) <= set("←→↑↓") else (word,))}


async def pass_until(lab: Lab, pilot: Pilot[None], claim: Callable[[], bool], limit_s: float = HOUR_S) -> None:
    """Lets the lab's time go on until `claim` holds; in steps that the observer of the app can follow."""
    ends = lab.clock.time() + limit_s
    while not claim():
        assert lab.clock.time() < ends, screen_text(pilot.app)
        await lab.advance(0.5)
        await asyncio.sleep(0.005)
    await pilot.pause()


async def press(lab: Lab, pilot: Pilot[None], app: VopsApp, item: str) -> None:
    """Presses a key once the screen names it, or fills in the field that has the focus."""
    if item.startswith("*"):
        assert isinstance(app.focused, Input), "there is no field to type into"
        app.focused.value = item[1:]
        return
    await pass_until(lab, pilot, lambda: item in offered(app), limit_s=60)
    before = screen_text(app), app.focused
    await pilot.press(NAMES.get(item, item))
    await pass_until(lab, pilot, lambda: (screen_text(app), app.focused) != before, limit_s=60)


def _said(app: VopsApp) -> str:
    """The text of the screen, however it is folded."""
    return " ".join(screen_text(app).split())


def _solved(app: VopsApp, lab: str) -> bool:
    if lab in BY_HAND:
        return BY_HAND[lab] in _said(app)
    run = app.run_going
    return run is not None and run.ended


def test_the_guide_has_every_symptom_of_the_table() -> None:
    assert {walk.lab for walk in walks()} >= {
        "untolerated-taint", "gpu-not-advertised", "probe-kill", "host-oom", "cuda-oom-under-load", "cold-start",
        "image-not-found", "gated-model", "tensor-parallel-mismatch", "service-port-mismatch",
    }  # fmt: skip


@pytest.mark.parametrize("walk", walks(), ids=lambda walk: walk.lab)
async def test_it_is_solved_with_the_keys_that_the_guide_counts(walk: Walk, tmp_path: Path) -> None:
    assert walk.counted == walk.keys
    lab = await Lab.start(walk.lab, clock=LabClock())
    app = VopsApp(settings=Settings(lab=walk.lab, state_dir=str(tmp_path)), opener=opener_of(lab))
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await pass_until(lab, pilot, lambda: "Replicas" in screen_text(app) and "LOADING" not in screen_text(app))
            for item in walk.press:
                await press(lab, pilot, app, item)
            await pass_until(lab, pilot, lambda: _solved(app, walk.lab))
            if walk.lab not in BY_HAND:
                assert app.run_going is not None
                assert app.run_going.result is not None, screen_text(app)
                assert app.run_going.result.outcome is ENDS.get(walk.lab, Ending.FIXED)
    finally:
        await lab.stop()
