"""The machine's time: what an adapter uses unless its caller owns the clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class MachineClock:
    """A vops.ports.Clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
