"""vops with a watch on its loop: `python -m tests.bench.watched FILE ARGUMENT…` runs `vops ARGUMENT…`.

Every handler is timed by the clock and by the CPU, and while one is slow a thread looks at where it is. FILE has the
worst ones since it was last removed, a JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SLOW_S = 0.02
LOOK_EVERY_S = 0.01
KEPT = 20


@dataclass(frozen=True)
class Slow:
    """One handler: how long it took by the clock, how much of that on the CPU, its task, and where it was.

    What it took beyond its own CPU time it waited for: for vops' other threads, which took `beside_s` of CPU meanwhile,
    and else for the machine, which other programs use as well.
    """

    s: float
    cpu_s: float
    beside_s: float
    task: str
    at: Sequence[str]

    def __str__(self) -> str:
        where = " › ".join(self.at) or "too short to be seen"
        cpu = f"{self.cpu_s * 1000:.0f} ms of CPU, other threads {self.beside_s * 1000:.0f}"
        return f"{self.s * 1000:.0f} ms ({cpu}) in {self.task or 'a callback'}: {where}"


def worst_of(file: Path) -> Sequence[Slow]:
    """What a watch has written, the worst first."""
    return [Slow(**json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


class Watch:
    """Times the handlers of the main thread; writes to `file` whenever one is among the worst."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._main = threading.get_ident()
        self._began = 0.0
        self._stack: tuple[str, ...] = ()
        self._worst: list[Slow] = []
        self._run = asyncio.Handle._run

    def start(self) -> None:
        asyncio.Handle._run = self._timed  # type: ignore[method-assign]  # asyncio asks nobody else around a handler
        threading.Thread(target=self._look, daemon=True).start()

    @property
    def _timed(self) -> Any:
        def run(handle: asyncio.Handle) -> None:
            if threading.get_ident() != self._main:
                self._run(handle)
                return
            self._stack, cpu, all_cpu, self._began = (), time.thread_time(), time.process_time(), time.monotonic()
            self._run(handle)
            took, self._began = time.monotonic() - self._began, 0.0
            if took >= SLOW_S:
                own = time.thread_time() - cpu
                self._note(took, own, time.process_time() - all_cpu - own, handle)

        return run

    def _look(self) -> None:
        """Where a slow handler is, as far as it is in vops; the last look before it ends counts."""
        while True:
            time.sleep(LOOK_EVERY_S)
            began = self._began
            if began and time.monotonic() - began >= SLOW_S / 2:
                frame = sys._current_frames().get(self._main)
                stack = traceback.extract_stack(frame)
                named = [f"{Path(item.filename).stem}.{item.name}" for item in stack]
                if self._began == began:
                    self._stack = tuple(named[-6:])

    def _note(self, took: float, cpu: float, beside: float, handle: asyncio.Handle) -> None:
        if not self._file.exists():
            self._worst = []
        task = getattr(getattr(handle, "_callback", None), "__self__", None)
        name = task.get_name() if isinstance(task, asyncio.Task) else ""
        self._worst.append(Slow(took, cpu, beside, name, self._stack))
        self._worst = sorted(self._worst, key=lambda item: -item.s)[:KEPT]
        self._file.write_text("".join(json.dumps(asdict(item)) + "\n" for item in self._worst))


if __name__ == "__main__":
    watched = Watch(Path(sys.argv[1]))
    sys.argv = ["vops", *sys.argv[2:]]
    watched.start()
    from vops.cli.main import main

    main()
