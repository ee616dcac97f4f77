"""A table whose rows come from a close look of its own: when it opens, now and then, and on `r`."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from vops.errors import VopsError
from vops.operations.session import Session
from vops.tui.screens.listing import LIST_KEYS, ListScreen, R

LOOKING_KEYS: tuple[BindingType, ...] = tuple(
    binding for binding in LIST_KEYS if not isinstance(binding, Binding) or binding.key != "r"
)
"""The keys of every table but `r`, which looks again here."""


class LookingScreen(ListScreen[R]):
    """`failed` is what kept the last look from being taken; what was found before stays."""

    look_again_s: ClassVar[float] = 60.0

    def __init__(self, typed: str = "") -> None:
        super().__init__(typed)
        self.failed: VopsError | None = None

    async def look(self, session: Session) -> None:
        """Looks, and keeps what is found. Raises VopsError."""
        raise NotImplementedError

    def on_mount(self) -> None:
        super().on_mount()
        self.action_look()

    @work(exclusive=True, exit_on_error=False, group="look")
    async def _look(self) -> None:
        while True:
            session = self.ops.session
            if session is None:
                await asyncio.sleep(0.2)
                continue
            try:
                await self.look(session)
                self.failed = None
            except VopsError as error:
                self.failed = error
            self.again()
            await session.clock.sleep(self.look_again_s)

    def action_look(self) -> None:
        self._look()
