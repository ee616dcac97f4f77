"""Threads for requests: as many as there is work at once, and no more for what comes one after the other."""

from __future__ import annotations

import asyncio
import threading

import pytest

from vops.adapters.kube import threads
from vops.adapters.kube.threads import in_thread


async def test_what_comes_one_after_the_other_is_done_by_few_threads() -> None:
    idents = {await in_thread(threading.get_ident) for _ in range(50)}
    assert threading.get_ident() not in idents
    assert len(idents) < 10  # a thread that has just answered may not wait yet when the next work comes


async def test_work_at_the_same_time_does_not_wait_for_each_other() -> None:
    together = threading.Barrier(20)
    assert await asyncio.gather(*(in_thread(lambda: together.wait(10) >= 0) for _ in range(20))) == [True] * 20


async def test_what_work_raises_is_raised_where_it_is_awaited() -> None:
    def fail() -> None:
        raise OSError("no route")

    with pytest.raises(OSError, match="no route"):
        await in_thread(fail)


async def test_a_thread_without_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_IDLE_S", 0.01)
    monkeypatch.setattr(threads, "_waiting", [])
    thread = await in_thread(threading.current_thread)
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()
    assert threads._waiting == []
    assert await in_thread(lambda: 7) == 7
