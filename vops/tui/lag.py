"""How late the loop is: the time a key press waits before anything is done about it, measured all the time."""

from __future__ import annotations

import asyncio
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
