"""Text from a cluster cannot reach the terminal as a command, nor a markup parser at all, through any widget."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import msgspec
import pytest
from textual.screen import Screen

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, screen_text, until
from vops.errors import VopsError
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.snapshot import ClusterSnapshot, SourceState
from vops.tui.app import VopsApp
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.diagnosis import DiagnosisScreen
from vops.tui.screens.events import EventsScreen
from vops.tui.screens.findings import FindingsScreen
from vops.tui.screens.fix import FixScreen
from vops.tui.screens.logs import LogsScreen
from vops.tui.screens.pick import PickScreen
from vops.tui.screens.replica import ReplicaScreen
from vops.tui.screens.workload import WorkloadScreen
from vops.tui.widgets.log import LogPane

CORPUS = (
    "a[/b]c",
    "[red]x[/red] [link=file:///etc/passwd]y[/link] [@click=app.quit]z[/]",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]0;title\x1b\\",
    "\x1b[2J\x1b[31mred",
    "\x9b31m c1 \x90q\x9c",
    "abc\u202edcba\u2066x\u2069",
    "back\x08space\rcarriage\x0bvt\x7fdel",
    "tab\there\nnewline",
    "zalgo" + "\u0301" * 50 + " wide 漢字 🙂👩‍👩‍👧",
    "x" * 1_000_000,
    "{not} %(a)s $name ${x} \\",
)
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def hostile_snapshot(text: str) -> ClusterSnapshot:
    """The fleet with `text` in everything that a cluster can name."""
    snapshot = builders.fleet_snapshot()
    pods = tuple(_hostile_pod(pod, text) for pod in snapshot.pods)
    events = tuple(msgspec.structs.replace(item, reason=text[:5000], message=text) for item in snapshot.events)
    samples = tuple(_hostile_sample(item, text) for item in snapshot.samples)
    sources = builders.sources(SourceState.RETRYING, text, age_s=60)
    return msgspec.structs.replace(
        snapshot, context=text[:5000], pods=pods, events=events, samples=samples, sources=sources
    )


def _hostile_pod(pod: Pod, text: str) -> Pod:
    spec = msgspec.structs.replace(pod.spec, node_name=text if pod.spec.node_name else "")
    conditions = tuple(msgspec.structs.replace(item, message=text, reason=text) for item in pod.status.conditions)
    meta = msgspec.structs.replace(pod.metadata, labels={"app": text, text[:60]: text})
    return Pod(meta, spec, msgspec.structs.replace(pod.status, conditions=conditions))


def _hostile_sample(item: Any, text: str) -> Any:
    return msgspec.structs.replace(item, latest=msgspec.structs.replace(item.latest, model=text), error=text)


def written(app: VopsApp) -> str:
    """Everything that a frame would write to the terminal, without the styles' own escapes."""
    return screen_text(app).replace("\n", "")


async def shows_safely(app: VopsApp, pilot: Any) -> None:
    await pilot.pause()
    assert app.is_running
    assert FORBIDDEN.search(written(app)) is None


GROUPS = {"markup": CORPUS[:2] + CORPUS[-1:], "controls": CORPUS[2:9], "wide": CORPUS[9:10], "long": CORPUS[10:11]}


@pytest.fixture(params=GROUPS)
def hostile(request: pytest.FixtureRequest) -> str:
    """A name, a message, a label: whatever it is put into, it is all of a group."""
    return " ".join(GROUPS[request.param])


async def test_the_fleet(hostile: str) -> None:
    app = app_on(hostile_snapshot(hostile))
    async with app.run_test(size=(200, 40)) as pilot:
        await painted(pilot)
        await shows_safely(app, pilot)
        await pilot.press("n")
        await shows_safely(app, pilot)


async def test_every_other_screen(hostile: str, monkeypatch: pytest.MonkeyPatch, planned: list[dict[str, str]]) -> None:
    snapshot = builders.with_log(hostile_snapshot(hostile), GATED, f"{hostile}\n{builders.LOG}{hostile}")

    async def observe(*_: Any, **__: Any) -> ClusterSnapshot:
        return snapshot

    monkeypatch.setattr("vops.tui.examine.observe", observe)
    ref = Ref("Pod", GATED, "research", f"uid-{GATED}")
    app = app_on(snapshot, cluster=builders.StubCluster(log=f"{hostile}\nERROR {hostile}\n{hostile}"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await painted(pilot)
        screens: tuple[Screen[Any], ...] = (
            ReplicaScreen(ref),
            LogsScreen(ref),
            DiagnosisScreen(ref),
            FixScreen(Ref("Pod", hostile, hostile)),
            FindingsScreen(),
            EventsScreen(),
            WorkloadScreen(Ref("Deployment", "gemma-3-27b", "research")),
            ConfirmScreen(hostile, [], hostile[:100], type_this=hostile[:100]),
            PickScreen(hostile, [(hostile, hostile)], hostile),
        )
        for screen in screens:
            app.push_screen(screen)
            await until(pilot, partial(getattr, screen, "is_mounted"))
            await shows_safely(app, pilot)
        app.say(VopsError(hostile[:5000], hint=hostile[:5000]))
        await shows_safely(app, pilot)


async def test_a_log_of_hostile_lines_is_drawn_line_for_line() -> None:
    app = app_on(
        cluster=builders.StubCluster(log="\n".join(text.replace("\n", " ").replace("\r", " ") for text in CORPUS))
    )
    async with app.run_test(size=(200, 40)) as pilot:
        await painted(pilot)
        screen = LogsScreen(Ref("Pod", GATED, "research"))
        app.push_screen(screen)
        await until(pilot, lambda: screen.is_mounted and len(screen.query_one(LogPane).texts) >= len(CORPUS))
        await shows_safely(app, pilot)
        await pilot.press("end", "right", "right")
        await shows_safely(app, pilot)
