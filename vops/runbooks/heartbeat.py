"""The line of a wait: shown when it changes, and every half minute, so that nobody takes it for dead."""

from __future__ import annotations

from collections.abc import Callable

from vops.ports import Clock

HEARTBEAT_S = 30.0


class Heartbeat:
    """One wait's; `tell` shows a line."""

    def __init__(self, clock: Clock, tell: Callable[[str], None]) -> None:
        self._clock, self._tell = clock, tell
        self._last = ""
        self._at = clock.monotonic()

    def say(self, message: str) -> None:
        """Shows the message if it is news, or if nothing was shown for a while."""
        now = self._clock.monotonic()
        if message != self._last or now - self._at >= HEARTBEAT_S:
            self._last, self._at = message, now
            self._tell(message)
