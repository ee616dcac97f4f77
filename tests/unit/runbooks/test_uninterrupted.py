"""A write under way is finished when the run is cancelled: what has been sent has to be known."""

from __future__ import annotations

import asyncio

import pytest

from vops.runbooks.apply import uninterrupted


async def test_a_cancelled_write_is_waited_for() -> None:
    begun, let_go = asyncio.Event(), asyncio.Event()
    finished = []

    async def write() -> None:
        begun.set()
        await let_go.wait()
        finished.append("written")

    run = asyncio.create_task(uninterrupted(write()))
    await begun.wait()
    run.cancel()
    await asyncio.sleep(0)
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert finished == ["written"]


async def test_what_a_write_raises_comes_through() -> None:
    async def write() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError):
        await uninterrupted(write())
