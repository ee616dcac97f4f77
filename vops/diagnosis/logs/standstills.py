"""A start that stands still: its log ends where the processes of a group wait for each other, and says no more.

A log alone cannot tell that from a start that goes on; it counts where whoever handed it in says that it hangs, or
where the pod has been overdue for long.
"""

from __future__ import annotations

import re

from vops.diagnosis.discretion import without_secrets
from vops.diagnosis.logs.lines import Line
from vops.diagnosis.logs.tracebacks import LoggedError
from vops.model.patterns import holds_any, lazy_pattern

STANDSTILL, AWAITED = "Standstill", "EngineAwaited"
"""What a sentence of a person is called among the errors of a log: about a group of ranks, and about an engine."""

_JOINING = lazy_pattern(
    r"vLLM is using nccl==|Found nccl from |world_size=(?!1\b)\d{1,5} rank=|rank \d{1,5} in world size (?!1\b)\d"
    r"|NCCL (?:INFO|version) |vLLM message queue communication handle|GPU P2P access cache"
    r"|Waiting for \d{1,5} core engine proc|No available shared memory broadcast block|Worker ready; awaiting tasks"
)
_WORDS = (
    "nccl",
    "NCCL",
    "world",
    "communication handle",
    "P2P access",
    "core engine proc",
    "broadcast block",
    "awaiting tasks",
)
_HANGS = lazy_pattern(
    r"\b(?:hangs?|hung|hanging|stuck|freezes?|frozen|stalls?|stalled|deadlocks?|waits? forever|blocks forever)\b"
    r"|\b(?:never|not) (?:proceeds?|finish\w{0,3}|returns?|continues?|comes? up|complet\w{1,3})\b|nothing happens"
    r"|\bstops? (?:here|there|at this)\b|\bno (?:more|further) (?:logs?|output|progress)\b|卡(?:住|死|在)",
    re.IGNORECASE,
)
_FROM_NCCL = lazy_pattern(r"vLLM is using nccl==|NCCL (?:INFO|version) ")


class Standstill:
    """Remembers whether the lines end while a group is formed, and whether somebody says that they end there."""

    def __init__(self) -> None:
        self._last: Line | None = None
        self._told: Line | None = None
        self._of_nccl = False

    def read(self, line: Line) -> None:
        if holds_any(line.text, _WORDS) and _JOINING.search(line.text):
            self._last, self._of_nccl = line, self._of_nccl or _FROM_NCCL.search(line.text) is not None
        elif line.level or line.place or "%|" in line.text:
            self._last = None
        elif self._told is None and _HANGS.search(line.text):
            self._told = line

    @property
    def last_line(self) -> int | None:
        """The last line, if it is one of a group that is being formed."""
        return self._last.number if self._last is not None and self._of_nccl else None

    @property
    def told(self) -> LoggedError | None:
        """What a person says of a log that ends there."""
        if self._told is None or self._last is None:
            return None
        said = without_secrets(f"{self._last.text[:200].strip()} ({self._told.text[:200].strip()})")
        return LoggedError(STANDSTILL if self._of_nccl else AWAITED, said, self._last.number, self._last.process)
