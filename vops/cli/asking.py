"""Questions at the terminal: asked on stderr, answered by a line of stdin, and given up at once by a signal.

The line is read when it is there and never waited for in a thread: one that waits for stdin cannot be ended, so Ctrl-C
would only end the process after another line.
"""

from __future__ import annotations

import asyncio
import os
import sys

from vops.errors import ApprovalNeeded
from vops.model.text import scrub

STDIN = 0
_LONGEST = 4096
_YES, _NO = frozenset({"y", "yes"}), frozenset({"", "n", "no"})


async def agreed(question: str, *, fd: int = STDIN) -> bool:
    """Whether a person says yes; asked again until it is yes or no. Raises ApprovalNeeded at the end of the input."""
    while True:
        said = (await typed(f"{question} [y/N]", fd=fd)).lower()
        if said in _YES | _NO:
            return said in _YES


async def typed(question: str, *, default: str | None = None, fd: int = STDIN) -> str:
    """The line that a person types, or the `default` for an empty one. Raises ApprovalNeeded when there is none."""
    shown = f"{question} [{default}]: " if default is not None else f"{question}: "
    sys.stderr.write(scrub(shown))
    sys.stderr.flush()
    line = await _line(fd)
    if not line:
        sys.stderr.write("\n")
        raise ApprovalNeeded(f"{question}: there was no answer", hint="answer it, or give the answer beforehand")
    said = line.decode("utf-8", "replace").strip()
    return default if not said and default is not None else said


async def _line(fd: int) -> bytes:
    """What the terminal gives next, which is a line; nothing at the end of the input."""
    loop = asyncio.get_running_loop()
    read: asyncio.Future[bytes] = loop.create_future()

    def ready() -> None:
        loop.remove_reader(fd)
        if not read.done():
            read.set_result(os.read(fd, _LONGEST))

    loop.add_reader(fd, ready)
    try:
        return await read
    finally:
        loop.remove_reader(fd)
