"""Fixtures for everyone: a lab whose time stands still until a test moves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from vops.lab.clock import LabClock
from vops.lab.world import Lab

StartLab = Callable[..., Awaitable[Lab]]


@pytest.fixture
def lab_clock() -> LabClock:
    """Virtual time, shared by the test, its labs and whatever of vops the test gives it to."""
    return LabClock()


@pytest_asyncio.fixture
async def start_lab(lab_clock: LabClock) -> AsyncIterator[StartLab]:
    """`lab = await start_lab("healthy", seed=0)`: a scenario, already lived in; stopped when the test ends."""
    labs: list[Lab] = []

    async def start(scenario: str = "healthy", *, seed: int = 0) -> Lab:
        labs.append(await Lab.start(scenario, seed=seed, clock=lab_clock))
        return labs[-1]

    yield start
    for lab in labs:
        await lab.stop()
