"""What the seeder tells: one line of JSON a fact on stdout, the last of them as the container's termination message.

The lines are the whole interface to whoever watches; `vops/runbooks/seeding.py` reads them. A failure has a code that
is also the exit code, so that the Job knows whether another try can help.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNAUTHORIZED = 41
FORBIDDEN = 43
NOT_FOUND = 44
DISK_FULL = 45
MISMATCH = 46
NOT_LOADABLE = 47
BAD_INPUT = 48
NOT_WRITABLE = 49
UNAVAILABLE = 51
STALLED = 52
TERMINATED = 143

_MESSAGE_BYTES = 4000
"""kubelet keeps 4096 bytes of a termination message."""


class Fault(Exception):
    """The seeding ends here; `code` says why, the text what happened to what."""

    def __init__(self, code: int, say: str) -> None:
        super().__init__(say)
        self.code = code


class Story:
    """Writes lines to stdout, and keeps the last one where kubelet looks for the termination message."""

    def __init__(self, message: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._message = message
        self._clock = clock

    def tell(self, event: str, **facts: Any) -> None:
        line = json.dumps({"event": event, "at": round(self._clock(), 3), **facts})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if self._message is not None:
            self._keep(line)

    def _keep(self, line: str) -> None:
        """A container may run without a termination log; nothing is lost then but a convenience."""
        try:
            self._message.write_bytes(line.encode()[:_MESSAGE_BYTES]) if self._message else None
        except OSError:
            self._message = None


def story_of() -> Story:
    """The story of this container."""
    path = os.environ.get("VOPS_TERMINATION_LOG", "/dev/termination-log")
    return Story(Path(path) if path else None)
