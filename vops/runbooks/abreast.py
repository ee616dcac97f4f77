"""Steps that go on at the same time: how one that fails stops the others, and how all of them are waited for.

A step that is to stop does so at its next safe point: before it sends another change, and between two looks of a wait.
A write that is on its way is always waited for, so that nothing lands after the run has decided what to take back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from vops.runbooks.kinds import StepFault

T = TypeVar("T")


class Stopped(StepFault):
    """A step was stopped, since one beside it has failed."""


class Halt:
    """What the steps of one `parallel` ask before they go on; raised by the first that fails."""

    def __init__(self) -> None:
        self._by = ""

    def call(self, title: str) -> None:
        """Asks the others to stop; the first to ask is named."""
        self._by = self._by or title

    def check(self) -> None:
        """Raises Stopped once somebody has called a halt."""
        if self._by:
            raise Stopped(f"stopped, since this has failed: {self._by}", reason="Stopped")


async def all_of(works: Iterable[Awaitable[T]]) -> list[T]:
    """Every answer, in order. What is no failure of a step (a cancellation, a bug) ends all of them and is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in ended:
            task.result()
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
