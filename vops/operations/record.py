"""The verb record: looks at a cluster for as long as it takes and keeps every few seconds of it in a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from vops.errors import InputError
from vops.operations.observation.log_peek import ROUND_S, LogPeek
from vops.operations.observation.observe import Observer
from vops.operations.recording import Recorder, frame_of
from vops.operations.session import Session

Told = Callable[[Recorder], None]


async def record(
    session: Session,
    path: Path,
    *,
    namespace: str = "",
    every_s: float = 5.0,
    duration_s: float | None = None,
    told: Told = lambda recorder: None,
) -> Recorder:
    """Records until cancelled, or for `duration_s`; `told` hears of every frame. Raises InputError for the file."""
    observer = Observer(session, namespace=namespace)
    peek = LogPeek(session.cluster, session.clock)
    with _new_file(path) as file:
        recorder = Recorder(file)
        async with asyncio.TaskGroup() as tasks:
            looking = [tasks.create_task(observer.run()), tasks.create_task(_peek(session, observer, peek))]
            ends = None if duration_s is None else session.clock.monotonic() + duration_s
            await _keep(session, observer, peek, recorder, every_s, ends, told)
            for task in looking:
                task.cancel()
        return recorder


def _new_file(path: Path) -> BinaryIO:
    """A file that was not there. Raises InputError."""
    try:
        return open(path, "xb", opener=_private)
    except FileExistsError as error:
        raise InputError("is there already", path=str(path), hint="choose another -o FILE, or remove it") from error
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=str(path), hint="choose another file") from error


def _private(path: str, flags: int) -> int:
    """What is recorded names pods and holds logs: it is for its owner."""
    return os.open(path, flags, 0o600)


async def _peek(session: Session, observer: Observer, peek: LogPeek) -> None:
    while True:
        await peek.look(observer.snapshot().pods)
        await session.clock.sleep(ROUND_S)


async def _keep(
    session: Session,
    observer: Observer,
    peek: LogPeek,
    recorder: Recorder,
    every_s: float,
    ends: float | None,
    told: Told,
) -> None:
    """A frame every `every_s`, the first as soon as pods are known, the last at the end."""
    revision = observer.revision
    while not observer.snapshot().pods and (ends is None or session.clock.monotonic() < ends):
        try:
            revision = await asyncio.wait_for(observer.wait(revision), 1.0)
        except TimeoutError:
            continue
    while True:
        recorder.add(await asyncio.to_thread(frame_of, peek.onto(observer.snapshot())))
        told(recorder)
        left = every_s if ends is None else min(every_s, ends - session.clock.monotonic())
        if left <= 0:
            return
        await session.clock.sleep(left)
