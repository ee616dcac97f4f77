"""What will happen in the lab and when: timers in order of time, and of planning where times are equal."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Timer:
    """One thing planned; `cancel` takes it off the plan."""

    __slots__ = ("action", "cancelled", "when")

    def __init__(self, when: float, action: Callable[[], None]) -> None:
        self.when = when
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Timeline:
    """The plan of one world; times are seconds since the epoch."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = 0

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        timer = Timer(when, action)
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, timer))
        return timer

    @property
    def next(self) -> float | None:
        """When the next timer is due."""
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Timer | None:
        """The first timer due at `now`, taken off the plan."""
        due = self.next
        if due is None or due > now:
            return None
        return heapq.heappop(self._heap)[2]
