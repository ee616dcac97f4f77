"""Waiting for an app to have nothing to do, told from its loop instead of from how much the machine computes.

Textual's pilot sleeps for at least 20 ms, twice, with every key, and for up to a second while any thread of the process
is busy: most of the time that tests of screens took.
"""

from __future__ import annotations

import asyncio
from typing import Any

FRAME_S = 0.035
"""Textual draws sixty frames a second. What comes of a key is due within one, or within two where one was missed: its
timers leave out the next then, too."""
FRAMES = 4
"""A new size is measured in one frame, laid out in the next, and drawn in a third."""
LOOK_S = 0.001
IN_A_ROW = 3
MOST_LOOKS = 1000
"""Whatever the time, so often is looked before an app counts as one that always has something to do."""


async def nothing_to_do(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Returns once nothing is ready to run, some looks in a row, nothing is due within a frame, and no thread works.

    Frames are counted by what was waited for them: a busy machine may take longer than all of them for the first.
    """
    loop = asyncio.get_running_loop()
    begun, idle, waited_s, looks = loop.time(), 0, 0.0, 0
    while idle < IN_A_ROW and (looks < MOST_LOOKS or loop.time() - begun < max(min_sleep, max_sleep)):
        pause_s = _pause_s(loop, loop.time() + (FRAME_S if waited_s < FRAMES * FRAME_S else 0.0))
        await asyncio.sleep(pause_s)
        idle = 0 if pause_s or loop._ready else idle + 1  # type: ignore[attr-defined]  # what waits to run
        waited_s, looks = waited_s + pause_s, looks + 1


def _pause_s(loop: Any, horizon: float) -> float:
    """How long to leave it alone: until the next timer before `horizon`, or while a thread works for it."""
    due: float = min((timer.when() for timer in loop._scheduled if not timer.cancelled()), default=horizon)
    if due < horizon:
        return max(LOOK_S, due - float(loop.time()))
    executor = loop._default_executor
    is_working = executor is not None and (
        not executor._work_queue.empty() or executor._idle_semaphore._value < len(executor._threads)
    )
    return LOOK_S if is_working else 0.0
