"""A program on a real pseudo-terminal: what it draws, when it drew it, and keys to press."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from tests.cluster.processes import wait_for
from tests.cluster.screen import Screen


class Terminal:
    """Starts `command` on entering, ends it on leaving. Output is only collected; nothing is drawn until asked."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, rows: int = 50, columns: int = 180
    ) -> None:
        self._command, self._environment = command, environment
        self._size = (rows, columns)
        self._chunks: list[tuple[float, bytes]] = []
        self._drawn = 0
        self._screen = Screen(rows, columns)
        self._ended = threading.Event()

    def __enter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *self._size, 0, 0))
        self.started = time.monotonic()
        environment = {**self._environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            self._command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._ended.set()
        self._reader.join()
        os.close(self._master)

    @property
    def chunks(self) -> Sequence[tuple[float, bytes]]:
        """What was written so far, each piece with the monotonic time at which it arrived."""
        return tuple(self._chunks)

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    def press(self, keys: str) -> float:
        """Types `keys` and returns the monotonic time of it."""
        pressed = time.monotonic()
        os.write(self._master, keys.encode())
        return pressed

    def text(self) -> str:
        """What the screen shows now."""
        chunks = self.chunks
        for _, data in chunks[self._drawn :]:
            self._screen.feed(data)
        self._drawn = len(chunks)
        return self._screen.text

    def wait_until(self, what: str, shows: Callable[[str], bool], *, within_s: float = 30.0) -> float:
        """Waits until the screen shows it; returns the seconds since the start of the program."""
        wait_for(what, lambda: self._alive() and shows(self.text()), within_s=within_s, every_s=0.02)
        return self._chunks[-1][0] - self.started

    def _alive(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the program ended with {self.process.returncode}; the screen was:\n{self.text()}")
        return True

    def _collect(self) -> None:
        while not self._ended.is_set():
            if not select.select([self._master], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            self._chunks.append((time.monotonic(), data))


def _take_terminal() -> None:
    """Makes standard input the controlling terminal of this session: some programs open /dev/tty."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
