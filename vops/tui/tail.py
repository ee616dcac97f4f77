"""Follows logs into a pane: of one replica or several, current or previous instance, again when a container starts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vops.errors import NotFound, VopsError
from vops.model.objects import Ref
from vops.model.text import one_line
from vops.operations.session import Session
from vops.tui.widgets.log import LogPane

if TYPE_CHECKING:
    from vops.tui.app import VopsApp

TAIL_LINES = 1000
AGAIN_AFTER_S = 2.0


class Wanted(NamedTuple):
    """Which part of a log: of the instance before, or of the last `since_s` seconds, at most `lines` lines."""

    previous: bool = False
    since_s: int | None = None
    lines: int = TAIL_LINES


class Sink(Protocol):
    """Where the lines of one log go."""

    @property
    def texts(self) -> Sequence[str]: ...

    def clear(self, title: str) -> None: ...

    def feed(self, lines: Iterable[str]) -> None: ...

    def note(self, text: str) -> None: ...


class Part:
    """One of several logs in one pane: its lines begin with the end of the pod's name."""

    def __init__(self, pane: LogPane, name: str) -> None:
        self._pane, self._sign = pane, f"{name[-5:]} │ "
        self._held: deque[str] = deque(maxlen=TAIL_LINES)

    @property
    def texts(self) -> Sequence[str]:
        return tuple(self._held)

    def clear(self, title: str) -> None:
        """What is in the pane already stays: the others' lines stand between."""
        self._held.clear()

    def feed(self, lines: Iterable[str]) -> None:
        for text in lines:
            self._held.append(text)
            self._pane.feed((self._sign + text,))

    def note(self, text: str) -> None:
        if text not in ("following", "ended, asking again"):
            self._pane.feed((f"{self._sign}({text})",))


async def tail_all(app: VopsApp, refs: Sequence[Ref], pane: LogPane, wanted: Wanted) -> None:
    """Follows the logs of several replicas at once, each line signed."""
    session = app.session
    pane.clear(f"logs of {len(refs)} pods")
    if session is None:
        pane.note("several logs at once need a cluster to ask")
        return
    async with asyncio.TaskGroup() as tasks:
        for ref in refs:
            part = Part(pane, ref.name)
            tasks.create_task(tail(session, ref, app.container_of(ref), part, wanted))


async def tail_of(app: VopsApp, ref: Ref, pane: LogPane, wanted: Wanted) -> None:
    """Follows the log, or shows what was kept of it where there is no cluster to ask."""
    container, previous = app.container_of(ref), wanted.previous
    if app.session is not None:
        await tail(app.session, ref, container, pane, wanted)
        return
    facts = app.picture.facts if app.picture else None
    kept = facts.container_log(ref.namespace, ref.name, container, previous=previous) if facts else None
    pane.clear("previous log" if previous else "log")
    pane.feed(kept.text.splitlines() if kept else ())
    pane.note("as it was kept" if kept else "no log was kept of it")


async def tail(session: Session, ref: Ref, container: str, pane: Sink, wanted: Wanted) -> None:
    """Runs until it is cancelled, or until the previous instance's log is read; errors show in the pane's title."""
    if wanted.previous:
        pane.clear("previous log")
        await _previous(session, ref, container, pane)
        return
    pane.clear("log")
    while True:
        await _follow(session, ref, container, pane, wanted)
        await session.clock.sleep(AGAIN_AFTER_S)


async def _previous(session: Session, ref: Ref, container: str, pane: Sink) -> None:
    try:
        text = await session.cluster.logs(ref.namespace, ref.name, container, previous=True, tail_lines=TAIL_LINES)
    except NotFound:
        pane.note("there is no previous instance")
    except VopsError as error:
        pane.note(one_line(error.message, 120))
    else:
        pane.feed(text.splitlines())
        pane.note("ended")


async def _follow(session: Session, ref: Ref, container: str, pane: Sink, wanted: Wanted) -> None:
    """One stream from its tail on. What is held already is passed over; another log replaces it."""
    held, passed = pane.texts, 0
    lines = session.cluster.follow_logs(
        ref.namespace, ref.name, container, tail_lines=wanted.lines, since_s=wanted.since_s
    )
    try:
        async for text in lines:
            pane.note("following")
            if passed < len(held) and text == held[passed]:
                passed += 1
                continue
            if passed < len(held):
                pane.clear("log")
                pane.feed(held[:passed])
                passed = len(held)
            pane.feed((text,))
    except VopsError as error:
        pane.note(one_line(error.message, 120))
    else:
        pane.note("ended, asking again")
