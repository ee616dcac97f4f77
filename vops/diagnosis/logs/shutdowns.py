"""How a server went down, as far as its log tells: asked to stop, its engine gone, a child ended by a signal."""

from __future__ import annotations

import re

from vops.diagnosis.logs.lines import Line
from vops.model.patterns import holds_any, lazy_pattern

_CHILD = lazy_pattern(
    r".{0,200}(?:died unexpectedly|exited unexpectedly)(?:.{0,80}\(?exit ?code:? ?(-?\d{1,4}))?"
    r"|.{0,200}worker died \((?P<daemon>-\d{1,2})\)|.{0,200}workers exits with code (?P<child>-\d{1,2})"
    r"|.{0,300}Failed core proc\(s\): \{'[^']{1,60}': (?P<core>-?\d{1,4})"
    r"|.{0,200} died, exit code: (?P<worker>-?\d{1,4})"
    r"|.{0,200}exitcode *: (?P<elastic>-?\d{1,4})\)? .{0,60}\(?pid: \d+\)"
    r"|.{0,200}process was signaled to shutdown with signal (?P<signal>\d{1,2})",
    re.ASCII,
)
_DEATHS = (
    "unexpectedly",
    "worker died",
    "exits with code",
    "Failed core proc",
    "exit code",
    "exitcode",
    "was signaled",
)
_CONTAINER = lazy_pattern(
    r"`?[\w.\[\]-]{1,120} exited with (?:exit )?code (13[24-79])`?$"
    r"|.{0,160}\b(?:exit(?:ed|s)|terminated|died|dies|crashe[sd]) with (?:exit )?code (13[24-69])\b",
    re.ASCII,
)
"""What compose, who runs containers for others, and people say of one that a signal ended that nobody sends to stop it.

The last may have been asked to stop, where it was SIGKILL.
"""

_OF_A_SIGNAL = 128
_STATS = ("Avg prompt throughput: ", "Engine 0")
_OF_KILLS = ("Killed", "with signal", "Memory cgroup out", "memory: usage ", "slurmstepd")
_SIGNALLED = lazy_pattern(
    r"(?:.{0,160}[\] ])?(?:(?:Memory cgroup out of memory|Out of memory): Killed process (?:\d{1,10}|\()"
    r"|Memory cgroup out of memory:$)|Killed$"
    r"|(?:.{0,160}[\] ])?memory: usage (?P<used>\d{4,12})kB, limit (?P=used)kB, failcnt [1-9]"
    r"|slurmstepd: error: Detected \d{1,6} oom[-_]kill event"
    r"|.{0,160}: line \d+: +\d+ Killed\s|.{0,200} terminated with signal (?P<signal>SIG[A-Z]{3,6})",
    re.ASCII,
)
"""The kernel's word for what it killed, a shell's for a child that was sent SIGKILL, and PyTorch's for any signal."""

_KILLS_ITSELF = "Received sigquit from a child proces"
"""What SGLang says before it sends SIGKILL to all of its processes, its own among them."""

_RAY_KILLED = lazy_pattern(r".{0,200}\b[1-9]\d{0,5} Workers .{0,40}killed due to memory pressure", re.ASCII)
"""Ray's word for workers that its monitor ended before the kernel would have."""

_SIGNALS = {"SIGKILL": 9, "SIGSEGV": 11, "SIGABRT": 6, "SIGBUS": 7, "SIGTERM": 15}
_PARENTS_SIGNAL = -15
"""What a worker is ended with when another one has failed."""
_SERVING = (
    "EngineCore encountered a fatal error",
    "Engine loop is dead",
    "Engine loop has died",
    "MQLLMEngine is already dead",
    "Engine iteration timed out",
    "Engine background task failed",
    "AsyncLLM output_handler failed",
    "EngineCore encountered an issue. See stack trace",
    "Engine loop is not running. Inspect the stacktrace",
    "Background loop has errored already",
)
_SERVING_WITHIN = (
    "Engine process (pid",
    "AsyncEngineDeadError",
    "(engine dead)",
    "atchdog timeout (self.",
    "(process_input_sockets)",
    "(process_output_sockets)",
)
"""What is said of an engine that dies after its start only: such a log begins where the server was up already."""

_REQUESTS = ("serving_", "async_llm", "launcher", "serving.")
_LOST = lazy_pattern(
    r"CUDA error: (?:an illegal|unspecified launch|device-side|uncorrectable|misaligned|an unspecified|hardware stack)"
)
"""What no process survives: nothing that it asks of its GPU works after it."""

_KERNEL = lazy_pattern(r".{0,300}: block: \[[\d,]{5,40}\], thread: \[[\d,]{5,40}\] Assertion `", re.ASCII)
"""What a kernel prints whose assertion fails: nothing on that GPU works after it."""

_FATAL = (
    "[Errno 98] error while attempting to bind",
    "[Errno 99] error while attempting to bind",
    "[Errno 13] error while attempting to bind",
    "terminate called ",
    "!!!!!!! Segfault encountered",
    "*** SIG",
    "Got fatal signal from worker processes",
    "Fatal Python error: ",
    "Memory access fault by GPU",
    "HW Exception by GPU",
)
"""What is said when an engine's process ends of an error, whatever it was."""
_NOT_STARTED = ("EngineCore failed to start", "WorkerProc failed to start", "EngineCore hit an exception")
_UVICORN_STOPS = "INFO:     Shutting down"
_GOING_DOWN = (_UVICORN_STOPS, "Shutting down FastAPI HTTP server")
"""What only a server says that had come up."""

_CORE = ("core.py", "engine.py", "v1/engine/core.py")
_RAISED = lazy_pattern(r"[\w.]{1,120}(?:Error|Exception)\b", re.ASCII)
"""An engine's process that logs an exception has ended, if requests fail after it."""

_ENGINES_OWN = ("nixl.", "torch.", "ray.", "lmcache.", "vllm.")
"""Modules whose exceptions, with nobody to log them, end what they come to."""

_INTERNAL = "500 Internal Server Error"
_CLOSE = 3
"""A server of an older vLLM that stops right after something failed within it stops by itself: its engine is gone."""

_STOPPED = ("[shutdown] API server: shutdown triggered", "INFO:     Shutting down", "KeyboardInterrupt: terminated")
_ENDS = (*_STOPPED, *_GOING_DOWN)
_HEADED = lazy_pattern(r"#{1,3} .{0,200}\bKeyboardInterrupt: terminated\b")
"""The heading of a post about a server that was asked to stop."""


class Endings:
    """Collects the first line of each kind.

    `active_line` is the last in which the engine worked before it died, `after_start` tells that it had come up.
    """

    def __init__(self) -> None:
        self.stopped_line: int | None = None
        self.engine_died_line: int | None = None
        self.child_exit_code: int | None = None
        self.failed_to_start = False
        self._core_failed: Line | None = None
        self._failed_line = -_CLOSE - 1
        self._kills_itself = False
        self.active_line = 0
        self.after_start = False

    def read(self, line: Line) -> None:
        text = line.text
        if text.startswith(_NOT_STARTED) and line.level in ("ERROR", "CRITICAL"):
            self.failed_to_start = True
        elif text.startswith(_ENDS) or (text.startswith("#") and _HEADED.match(text)):
            self._stops(line)
        elif text.endswith(_INTERNAL):
            self._failed_line = line.number
            if self._core_failed is not None:
                self._died(self._core_failed, None)
        elif text.startswith(_STATS) and self.engine_died_line is None:
            self.active_line = line.number
        elif " with " in text and "code 13" in text and (container := _CONTAINER.match(text)):
            self._container_ended(line, _OF_A_SIGNAL - int(container[1] or container[2]))
        elif holds_any(text, _DEATHS) and (match := _CHILD.match(text)):
            signalled = match["signal"]
            code = next((int(code) for code in match.groups() if code), None)
            self._died(line, -int(signalled) if signalled else code)
        else:
            self._read_death(line)

    def _container_ended(self, line: Line, code: int) -> None:
        """One that was asked to stop and did not is killed, too."""
        if self.stopped_line is None:
            self._died(line, code)

    def finish(self, *, ready: bool) -> None:
        """An engine of the older kind logs only what ends it: nothing that it did comes after."""
        failed = self._core_failed
        ended = ready and self.engine_died_line is None and failed is not None and failed.place.startswith("engine.py")
        if ended and failed is not None and self.active_line < failed.number:
            self._died(failed, None)

    def _stops(self, line: Line) -> None:
        """A server goes down: asked to, or because its engine is gone."""
        if line.text.startswith(_GOING_DOWN):
            self.after_start = True
        if line.text.startswith(_UVICORN_STOPS) and line.number - self._failed_line <= _CLOSE:
            self._died(line, None)
        elif line.text.startswith(_STOPPED) or _HEADED.match(line.text):
            self.stopped_line = self.stopped_line or line.number

    def _read_death(self, line: Line) -> None:
        text = line.text
        if self._core_failed is not None and line.level == "ERROR" and line.place.startswith(_REQUESTS):
            self.after_start = True
            self._died(self._core_failed, None)
        if "EngineDeadError" in text and line.place.startswith(_REQUESTS):
            self.after_start = True
        if not line.level and text.startswith(_ENGINES_OWN) and _RAISED.match(text):
            self._failed_line = line.number
        if line.level == "ERROR" and line.place.startswith(_CORE) and _RAISED.match(text):
            self._core_failed = line
            if line.number - self._failed_line <= _CLOSE:
                self._died(line, None)
        self._kills_itself = self._kills_itself or _KILLS_ITSELF in text
        if text.startswith(_SERVING) or holds_any(text, _SERVING_WITHIN):
            self.after_start = True
            self._died(line, None)
        elif "EngineDeadError" in text or text.startswith(_FATAL) or _lost(line):
            self._died(line, None)
        elif any(word in text for word in _OF_KILLS) and (signal := _SIGNALLED.match(text)):
            by_itself = self._kills_itself and text == "Killed"
            self._died(line, None if by_itself else -_SIGNALS.get(signal["signal"] or "SIGKILL", 9))
        elif "memory pressure" in text and _RAY_KILLED.match(text):
            self._died(line, -_SIGNALS["SIGKILL"])

    def _died(self, line: Line, code: int | None) -> None:
        if code == _PARENTS_SIGNAL:
            return
        self.engine_died_line = self.engine_died_line or line.number
        if self.child_exit_code is None:
            self.child_exit_code = code


def _lost(line: Line) -> bool:
    """Whether a kernel failed in a way that no process survives."""
    if "Assert" in line.text and _KERNEL.match(line.text):
        return True
    return "CUDA error: " in line.text and line.level in ("ERROR", "CRITICAL") and _LOST.search(line.text) is not None
