"""How many requests vops may make: a token bucket, so that no platform team has a reason to ban it."""

from __future__ import annotations

import math
from collections import deque

from vops.ports import Clock

COST_WINDOW_S = 10.0


class Budget:
    """`per_s` requests a second, at most `burst_s` seconds' worth at once, which it begins with; 0 means no limit."""

    def __init__(self, per_s: float, clock: Clock, *, burst_s: float = 1.0) -> None:
        self.per_s = per_s
        self._clock = clock
        self._most = max(per_s * burst_s, 1.0)
        self._tokens = self._most
        self._filled_at = clock.monotonic()
        self._spent: deque[float] = deque()

    @property
    def unlimited(self) -> bool:
        return self.per_s <= 0

    def take(self) -> bool:
        """Spends one request if there is one to spend."""
        now = self._clock.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self.per_s)
        self._filled_at = now
        if not self.unlimited:
            # A token is whole again although a sum of fractions may miss it by a rounding error.
            if self._tokens < 1.0 - 1e-9:
                return False
            self._tokens -= 1.0
        self._spent.append(now)
        return True

    async def spend(self, *, before: float = math.inf) -> bool:
        """Waits for one request and spends it; False, at once, where there will be none `before` a monotonic time."""
        while not self.take():
            pause_s = max((1.0 - self._tokens) / self.per_s, 0.001)
            if self._clock.monotonic() + pause_s > before:
                return False
            await self._clock.sleep(pause_s)
        return True

    def affords(self, requests: int, within_s: float) -> bool:
        """Whether so many requests can be made in that time."""
        return self.unlimited or requests <= self._most + within_s * self.per_s

    @property
    def spent_per_s(self) -> float:
        """Requests a second over the last 10 s."""
        horizon = self._clock.monotonic() - COST_WINDOW_S
        while self._spent and self._spent[0] <= horizon:
            self._spent.popleft()
        return len(self._spent) / COST_WINDOW_S
