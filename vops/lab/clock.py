"""The lab's time: it stands still until told to move, so that everything in the lab can be repeated.

Live labs move it along with real time; tests move it by hand. Leaves out time zones: all of it is UTC.
"""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime

TESTS_BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When a clock starts that is given no time: a Monday morning."""


class LabClock:
    """Virtual time, in the shape of `vops.ports.Clock`, so that a test can give the same clock to lab and vops."""

    def __init__(self, start: datetime = TESTS_BEGIN) -> None:
        self._time = start.timestamp()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.fromtimestamp(self._time, UTC)

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return self._time

    def monotonic(self) -> float:
        return self._time

    async def sleep(self, seconds: float) -> None:
        """Returns once the clock has been moved past `seconds` from now."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._time + seconds, self._count, woken))
        await woken

    @property
    def next_wake(self) -> float | None:
        """When the next sleeper wants to wake, in seconds since the epoch."""
        return self._sleepers[0][0] if self._sleepers else None

    def move_to(self, time: float) -> None:
        """Sets the time, never backwards, and wakes whoever slept until then."""
        self._time = max(self._time, time)
        while self._sleepers and self._sleepers[0][0] <= self._time:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)
