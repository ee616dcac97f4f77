"""How late the loop is: the time a key press waits before anything is done about it, measured all the time; and what
Python itself would make it wait for, kept short."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque

EVERY_S = 0.1
WINDOW = 100
LATE_S = 0.05
"""A handler that takes longer than this is one too long."""


class LoopLag:
    """Asks to be called every 100 ms and takes down how much later that was: over ten seconds, and the worst ever."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=WINDOW)
        self.worst_ever_s = 0.0

    @property
    def worst_s(self) -> float:
        """The longest delay of the last ten seconds."""
        return max(self._late, default=0.0)

    async def run(self) -> None:
        """Measures until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            late = max(0.0, loop.time() - due)
            self._late.append(late)
            self.worst_ever_s = max(self.worst_ever_s, late)


SWITCH_S = 0.001
COLLECT_AFTER = 10_000


def spare_the_loop() -> None:
    """For a program that draws in one thread and joins in another, over some hundred thousand objects that stay.

    A thread that computes hands over after a millisecond instead of five, which a key press would pay for with every
    system call; and a search for garbage does not go through all modules again.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(COLLECT_AFTER)
    keep_for_good()


def keep_for_good() -> None:
    """Leaves what is there now out of the search for garbage: what nobody refers to is freed all the same."""
    gc.freeze()
