"""How many requests vops may make: a token bucket, so that no platform team has a reason to ban it."""

from __future__ import annotations

from collections import deque

from vops.ports import Clock

COST_WINDOW_S = 10.0


class Budget:
    """`per_s` requests a second, at most one second's worth at once; 0 means no limit."""

    def __init__(self, per_s: float, clock: Clock) -> None:
        self.per_s = per_s
        self._clock = clock
        self._most = max(per_s, 1.0)
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

    async def spend(self) -> None:
        """Waits for one request and spends it."""
        while not self.take():
            await self._clock.sleep(max((1.0 - self._tokens) / self.per_s, 0.001))

    @property
    def spent_per_s(self) -> float:
        """Requests a second over the last 10 s."""
        horizon = self._clock.monotonic() - COST_WINDOW_S
        while self._spent and self._spent[0] <= horizon:
            self._spent.popleft()
        return len(self._spent) / COST_WINDOW_S
