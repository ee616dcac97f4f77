"""Back in time: the same screens on an earlier instant, in bounded memory, from the last hour or from a file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.tui import builders
from tests.tui.conftest import app_on, painted, replica_rows, replicas_shown, screen_text, until
from vops.model.snapshot import ClusterSnapshot
from vops.operations.recording import Frame, frame_of
from vops.settings import Settings
from vops.tui.app import VopsApp
from vops.tui.diagnosed import NOT_KEPT
from vops.tui.rewind import LARGE, Ring, earlier, reduced
from vops.tui.screens.diagnosis import DiagnosisScreen


def at(seconds: float, *, pods: int = 9) -> ClusterSnapshot:
    whole = builders.fleet_snapshot()
    return msgspec.structs.replace(whole, at=builders.NOW + timedelta(seconds=seconds), pods=whole.pods[:pods])


def frames(*seconds: float) -> list[Frame]:
    return [Frame(builders.NOW + timedelta(seconds=second), b"") for second in seconds]


def test_a_step_is_kept_once_and_an_hour_is_the_most() -> None:
    ring = Ring()
    for second in range(0, 7200, 60):
        ring.take(at(second))
        ring.take(at(second + 1))
    assert len(ring.frames) == 61
    assert ring.frames[0].snapshot == at(3540)


def test_memory_is_bounded_and_the_older_half_is_thinned_first() -> None:
    one = len(frame_of(at(0)).data)
    ring = Ring(most_bytes=one * 20)
    for second in range(0, 600, 5):
        ring.take(at(second))
    assert ring.size <= one * 21
    times = [(frame.at - builders.NOW).total_seconds() for frame in ring.frames]
    assert times[-3:] == [585, 590, 595]
    assert times[1] - times[0] > 5


def test_what_has_not_changed_is_kept_once_and_every_frame_is_whole() -> None:
    ring = Ring()
    numbers = [msgspec.structs.replace(at(second), samples=at(0).samples[: second // 5]) for second in range(0, 50, 5)]
    for snapshot in numbers:
        ring.take(snapshot)
    whole = sum(len(frame_of(snapshot).data) for snapshot in numbers)
    assert ring.size < whole / 2
    ring.take(at(50, pods=2))
    assert [frame.snapshot for frame in ring.frames] == [*numbers, at(50, pods=2)]


def test_a_very_large_cluster_keeps_what_concerns_gpus() -> None:
    many = tuple(
        msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=()))
        for pod in builders.big_snapshot(LARGE).pods
    )
    snapshot = msgspec.structs.replace(builders.fleet_snapshot(), pods=(*builders.fleet_snapshot().pods, *many))
    assert reduced(snapshot).pods == builders.fleet_snapshot().pods
    assert len(reduced(snapshot).events) == 3


@pytest.mark.parametrize(
    ("now", "step", "then"),
    [
        (None, -15, 45),
        (None, -3600, 0),
        (None, 15, None),
        (45, -15, 30),
        (30, 15, 45),
        (30, 1, 45),
        (30, -1, 15),
        (60, 15, None),
        (0, -15, 0),
    ],
)
def test_a_step_leads_to_another_frame_and_beyond_the_last_to_now(
    now: float | None, step: float, then: float | None
) -> None:
    known = frames(0, 15, 30, 45, 60)
    start = None if now is None else builders.NOW + timedelta(seconds=now)
    found = earlier(known, start, timedelta(seconds=step))
    assert (None if found is None else (found - builders.NOW).total_seconds()) == then


def test_without_frames_there_is_only_now() -> None:
    assert earlier([], None, timedelta(seconds=-15)) is None


async def test_left_shows_what_was_right_comes_back_and_live_goes_on_beneath(looking: list[object]) -> None:
    app = app_on(at(0, pods=4))
    observer = app._connection.observer
    assert isinstance(observer, builders.StubObserver)
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        for second, pods in ((20, 5), (40, 9)):
            observer.show(at(second, pods=pods))
            await replicas_shown(pilot, app, pods)
        await pilot.press("left")
        await replicas_shown(pilot, app, 5)
        header = screen_text(app).splitlines()[0]
        assert "◀◀ 03:13:05" in header
        assert "what is shown was at 03:13:05" in screen_text(app)
        observer.show(at(60, pods=8))
        await until(pilot, lambda: app._live is not None and len(app._live.view.replicas) == 8)
        assert len(replica_rows(app)) == 5
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DiagnosisScreen))
        await until(pilot, lambda: NOT_KEPT in screen_text(app))
        assert not looking
        await pilot.press("escape", "shift+left")
        await replicas_shown(pilot, app, 4)
        await pilot.press("full_stop")
        await replicas_shown(pilot, app, 8)
        assert "◀◀" not in screen_text(app)


WAYS = [
    ("left", "right"),
    ("shift+left", "shift+right"),
    ("left_square_bracket", "right_square_bracket"),
    ("left_curly_bracket", "right_curly_bracket"),
]


@pytest.mark.parametrize("keys", WAYS)
async def test_every_way_back_leads_forward_again(keys: tuple[str, str]) -> None:
    app = app_on(at(0, pods=4))
    observer = app._connection.observer
    assert isinstance(observer, builders.StubObserver)
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        observer.show(at(20, pods=5))
        await replicas_shown(pilot, app, 5)
        await pilot.press(keys[0])
        await replicas_shown(pilot, app, 4)
        await pilot.press(keys[1], keys[1])
        await replicas_shown(pilot, app, 5)


async def test_a_recording_plays_pauses_and_goes_through_time_without_a_cluster(tmp_path: Path) -> None:
    recording = [frame_of(at(second, pods=pods)) for second, pods in ((0, 4), (30, 5), (60, 9))]
    app = VopsApp(settings=Settings(state_dir=str(tmp_path)), recording=recording)
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        assert len(replica_rows(app)) == 4
        assert "◀◀ REPLAY 03:12:45 ‖" in screen_text(app).splitlines()[0]
        assert "prod-eu-1" in screen_text(app).splitlines()[0]
        await pilot.press("right")
        await replicas_shown(pilot, app, 5)
        await pilot.press("space")
        await replicas_shown(pilot, app, 9)
        await pilot.press("right")
        await pilot.pause()
        assert len(replica_rows(app)) == 9
        await pilot.press("d")
        await until(pilot, lambda: NOT_KEPT in screen_text(app))
        await pilot.press("escape", "f")
        await until(pilot, lambda: "not connected" in screen_text(app))
        await pilot.press("escape", "l")
        await until(pilot, lambda: "no log was kept" in screen_text(app))


async def test_a_damaged_instant_is_said_to_be_one(tmp_path: Path) -> None:
    recording = [frame_of(at(0)), Frame(builders.NOW + timedelta(seconds=30), b"nonsense")]
    app = VopsApp(settings=Settings(state_dir=str(tmp_path)), recording=recording)
    async with app.run_test(size=(120, 34), notifications=True) as pilot:
        await painted(pilot)
        await pilot.press("right")
        await until(pilot, lambda: "this instant is damaged" in screen_text(app))
