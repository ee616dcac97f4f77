"""Recordings: what goes in comes out, whatever happens to the file."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.tui import builders
from tests.unit.operations.small_world import World, replica
from vops.errors import InputError
from vops.operations.record import record
from vops.operations.recording import MAGIC, Recorder, frame_of, read_recording, unpack


def written(path: Path, *seconds: float) -> bytes:
    with path.open("wb") as file:
        recorder = Recorder(file)
        for second in seconds:
            at = builders.NOW + timedelta(seconds=second)
            recorder.add(frame_of(msgspec.structs.replace(builders.fleet_snapshot(), at=at)))
    data = path.read_bytes()
    assert len(data) == recorder.size
    return data


def test_what_was_recorded_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "r.rec"
    written(path, 0, 5)
    frames = read_recording(path)
    assert [frame.at for frame in frames] == [builders.NOW, builders.NOW + timedelta(seconds=5)]
    assert frames[0].snapshot == builders.fleet_snapshot()


@pytest.mark.parametrize("lost", [1, 100, 2000])
def test_a_file_that_ends_inside_a_frame_is_read_up_to_there(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "r.rec"
    path.write_bytes(written(path, 0, 5)[:-lost])
    assert len(read_recording(path)) == 1


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"hello", "is no recording"),
        (b"", "is no recording"),
        (MAGIC, "holds no whole instant"),
        (MAGIC + b"\0\0\0\3" + b"\0" * 8 + b"abc", "cannot be read"),
        (MAGIC + b"\xff" * 40, "holds no whole instant"),
    ],
)
def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "r.rec"
    path.write_bytes(data)
    with pytest.raises(InputError, match=told) as caught:
        read_recording(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_recording(tmp_path / "none.rec")


def test_nonsense_is_no_snapshot() -> None:
    with pytest.raises(ValueError, match="incorrect header"):
        unpack(b"nonsense")


async def test_record_keeps_an_instant_every_few_seconds_for_its_owner_only(tmp_path: Path) -> None:
    world, path = World().holding(replica("r0")), tmp_path / "r.rec"
    kept: asyncio.Queue[int] = asyncio.Queue()

    def told(recorder: Recorder) -> None:
        kept.put_nowait(recorder.frames)

    recording = asyncio.ensure_future(record(world.session, path, every_s=5, duration_s=20, told=told))
    for number in range(1, 6):
        await world.advance(5 if number > 1 else 0.5)
        # A frame is packed in a thread, which the clock of the world does not wait for.
        assert await asyncio.wait_for(kept.get(), 60) == number
    assert (await recording).frames == 5
    frames = read_recording(path)
    assert [pod.metadata.name for pod in frames[-1].snapshot.pods] == ["r0"]
    assert frames[-1].snapshot.samples
    assert os.stat(path).st_mode & 0o077 == 0


async def test_record_never_writes_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "r.rec"
    path.write_text("precious")
    with pytest.raises(InputError, match="is there already"):
        await record(World().session, path, duration_s=1)
    assert path.read_text() == "precious"
