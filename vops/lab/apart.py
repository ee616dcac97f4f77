"""A lab in a thread of its own, so that simulating an hour at its start does not hold up whoever looks at it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread

from vops.lab.world import Lab


class LabApart:
    """Starts a lab beside the running loop and stops it again; it is reached over HTTP like any other."""

    def __init__(self, scenario: str) -> None:
        self._scenario = scenario
        self._started: Future[Lab] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._thread = Thread(target=lambda: asyncio.run(self._live()), name="lab", daemon=True)

    async def start(self) -> Lab:
        """The lab, once it answers. Raises what its start raises."""
        self._thread.start()
        return await asyncio.wrap_future(self._started)

    async def stop(self) -> None:
        """Returns when it is gone."""
        if self._loop is not None and self._over is not None:
            with suppress(RuntimeError):  # its loop is closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._over.set)
        await asyncio.to_thread(self._thread.join)

    async def _live(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        try:
            lab = await Lab.start(self._scenario)
        except BaseException as error:  # whatever it is, it is for whoever waits for the start
            self._started.set_exception(error)
            return
        self._started.set_result(lab)
        await self._over.wait()
        await lab.stop()
