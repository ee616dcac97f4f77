"""Threads for blocking work, kept for the next: to start one costs more than a request to a server nearby.

Nobody waits for them at the end of the program, which is why this is none of the executors of the standard library.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

_IDLE_S = 10.0
T = TypeVar("T")
_Work = Callable[[], None]
_waiting: list[SimpleQueue[_Work]] = []
"""What threads without work wait on, the one that had some last at the end."""


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises; cancelled, it is not waited for any more."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None only where T is None

    def run() -> None:
        result: T | None = None
        failure: Exception | None = None
        try:
            result = work()
        except Exception as error:  # the edge of a thread: it is raised again where it is awaited
            failure = error
        # A closed loop has nobody left to tell; asking it first would leave time for it to close.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    _hand_over(run)
    return await done


def _hand_over(run: _Work) -> None:
    """Gives `run` to a thread that waits, or to a new one."""
    try:
        inbox = _waiting.pop()
    except IndexError:
        inbox = SimpleQueue()
        threading.Thread(target=_serve, args=(inbox,), name="vops-request", daemon=True).start()
    inbox.put(run)


def _serve(inbox: SimpleQueue[_Work]) -> None:
    """Does what comes, until nothing has come for a while."""
    while True:
        try:
            inbox.get(timeout=_IDLE_S)()
        except Empty:
            try:
                _waiting.remove(inbox)
            except ValueError:
                continue  # somebody has just taken it, and will put something in
            return
        _waiting.append(inbox)
