"""Recordings: snapshots one after the other in a file, each compressed by itself, so that any of them is found at once.

A frame is its length, its time and its data. A file that ends inside a frame (the disk was full, the process was
killed) is read up to there. What a recording holds is what `vops snapshot` writes: objects reduced to the fields that
vops reads, scrubbed logs of what does not serve, and no secret values.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from vops.errors import InputError
from vops.model.snapshot import ClusterSnapshot

MAGIC = b"vops.recording/v1\n"
_MAKE_ONE = "vops record -o FILE makes one"
LONGEST_FRAME = 256 << 20
_HEAD = struct.Struct(">Id")
_LEVEL = 3


def pack(snapshot: ClusterSnapshot) -> bytes:
    """A snapshot as few bytes."""
    return zlib.compress(msgspec.msgpack.encode(snapshot), _LEVEL)


def unpack(data: bytes) -> ClusterSnapshot:
    """The snapshot again. Raises ValueError when it is none, or one of a much larger size than any cluster has."""
    unzip = zlib.decompressobj()
    try:
        plain = unzip.decompress(data, LONGEST_FRAME)
        if unzip.unconsumed_tail:
            raise ValueError("a frame larger than any cluster")
        return msgspec.msgpack.decode(plain, type=ClusterSnapshot)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from error


class Frame(NamedTuple):
    """One instant of a recording that is not unpacked yet.

    In memory, frames share parts that are the same in all of them: `shared` are their names, each with a snapshot of
    nothing but that part. A frame of a file is whole.
    """

    at: datetime
    data: bytes
    shared: tuple[tuple[str, bytes], ...] = ()

    @property
    def snapshot(self) -> ClusterSnapshot:
        parts = {name: getattr(unpack(part), name) for name, part in self.shared}
        return msgspec.structs.replace(unpack(self.data), **parts)


def frame_of(snapshot: ClusterSnapshot) -> Frame:
    return Frame(snapshot.at, pack(snapshot))


class Recorder:
    """Writes frames to a file that it has just made."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._file.write(MAGIC)
        self.frames, self.size = 0, len(MAGIC)

    def add(self, frame: Frame) -> None:
        """Appends a frame; it is on its way to the disk when this returns."""
        self._file.write(_HEAD.pack(len(frame.data), frame.at.timestamp()))
        self._file.write(frame.data)
        self._file.flush()
        self.frames += 1
        self.size += _HEAD.size + len(frame.data)


def read_recording(path: Path) -> Sequence[Frame]:
    """Every whole frame of a file, in order. Raises InputError for a file that is no recording."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=str(path), hint=_MAKE_ONE) from error
    if not data.startswith(MAGIC):
        raise InputError("is no recording of vops", path=str(path), hint=_MAKE_ONE)
    frames = _frames(data)
    if not frames:
        raise InputError("holds no whole instant", path=str(path), hint="it was ended too early; record again")
    try:
        unpack(frames[0].data)
    except ValueError as error:
        raise InputError(f"cannot be read: {error}", path=str(path), hint="it is damaged or of another vops") from error
    return frames


def _frames(data: bytes) -> list[Frame]:
    frames: list[Frame] = []
    place = len(MAGIC)
    while place + _HEAD.size <= len(data):
        length, at = _HEAD.unpack_from(data, place)
        start = place + _HEAD.size
        if start + length > len(data) or not 0 <= at < 1e11:
            break
        frames.append(Frame(datetime.fromtimestamp(at, UTC), data[start : start + length]))
        place = start + length
    return frames
