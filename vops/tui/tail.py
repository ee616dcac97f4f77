"""Follows a replica's log into a pane: current or previous instance, started again when the container is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.errors import NotFound, VopsError
from vops.model.resources import Ref
from vops.model.text import one_line
from vops.operations.session import Session
from vops.tui.widgets.log import LogPane

if TYPE_CHECKING:
    from vops.tui.app import VopsApp

TAIL_LINES = 1000
AGAIN_AFTER_S = 2.0


async def tail_of(app: VopsApp, ref: Ref, pane: LogPane, *, previous: bool) -> None:
    """Follows the log, or shows what was kept of it where there is no cluster to ask."""
    container = app.container_of(ref)
    if app.session is not None:
        await tail(app.session, ref, container, pane, previous=previous)
        return
    facts = app.picture.facts if app.picture else None
    kept = facts.container_log(ref.namespace, ref.name, container, previous=previous) if facts else None
    pane.clear("previous log" if previous else "log")
    pane.feed(kept.text.splitlines() if kept else ())
    pane.note("as it was kept" if kept else "no log was kept of it")


async def tail(session: Session, ref: Ref, container: str, pane: LogPane, *, previous: bool) -> None:
    """Runs until it is cancelled, or until the previous instance's log is read; errors show in the pane's title."""
    if previous:
        pane.clear("previous log")
        await _previous(session, ref, container, pane)
        return
    pane.clear("log")
    while True:
        await _follow(session, ref, container, pane)
        await session.clock.sleep(AGAIN_AFTER_S)


async def _previous(session: Session, ref: Ref, container: str, pane: LogPane) -> None:
    try:
        text = await session.cluster.logs(ref.namespace, ref.name, container, previous=True, tail_lines=TAIL_LINES)
    except NotFound:
        pane.note("there is no previous instance")
    except VopsError as error:
        pane.note(one_line(error.message, 120))
    else:
        pane.feed(text.splitlines())
        pane.note("ended")


async def _follow(session: Session, ref: Ref, container: str, pane: LogPane) -> None:
    """One stream from its tail on. What is held already is passed over; another log replaces it."""
    held, passed = pane.texts, 0
    try:
        async for text in session.cluster.follow_logs(ref.namespace, ref.name, container, tail_lines=TAIL_LINES):
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
