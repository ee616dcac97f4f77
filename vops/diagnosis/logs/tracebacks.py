"""Exceptions in a log: chained tracebacks, wrappers told from causes, and the one error to show an engineer.

vLLM logs one failure several times: in the process where it happened, again as that process dies, and wrapped in the
processes above. The cause is in the lowest process, in its first traceback, at the inner end of the chain; what other
processes say of a peer that went away is a consequence.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

import msgspec

from vops.diagnosis.discretion import without_secrets
from vops.diagnosis.logs.lines import Line
from vops.diagnosis.logs.outlived import CLIENTS, CONSEQUENCE, WRAPPER, WRAPPER_TYPES
from vops.model.patterns import lazy_pattern

_TYPE = r"(?:(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]|(?:[A-Za-z_]\w{0,60}\.){1,8}[a-z])\w{0,60}"
_KINDS = r"Error|Exception|Interrupt|Exit|Failure|Timeout|Died|Unavailable|IsEnabled|OutOfResources|Empty"
_ANSWERS = (
    "NotFound|Forbidden|Denied|NoSuchKey|NoSuchBucket|Unauthenticated|Unauthorized|TooManyRequests|InvalidArgument"
    "|MissingSchema|InvalidSchema|InvalidURL|InvalidProxyURL|InvalidHeader|UnsupportedProtocol|TooManyRedirects"
    "|Unsupported"
)
"""What clients of clouds and of HTTP call the refusals that they got; elsewhere these are ordinary words."""

_EXCEPTION = lazy_pattern(
    rf"((?:{_TYPE}(?:{_KINDS})|(?:[A-Za-z_]\w{{0,60}}\.){{1,8}}(?:{_KINDS}|\w{{0,40}}(?:{_ANSWERS}))|Exception)"
    r"(?:\([\w.]{1,80}\))?|socket\.(?:gaierror|herror|timeout|error)|(?:struct|zlib|re|lzma)\.error)(?:: (.*)|:)?$",
    re.ASCII | re.DOTALL,
)
_REPR = lazy_pattern(r"([A-Z]\w{0,60}(?:Error|Exception))\([\"'](.{1,1500})[\"'],?\)$", re.ASCII)
"""An exception as some loggers write one: as Python shows the object."""

_IN_TRACEBACK = lazy_pattern(
    r"((?:[A-Za-z_]\w{0,60}\.){0,8}[A-Za-z_]\w{0,60}(?:\([\w.]{1,80}\))?)(?:: (.*)|:)?$", re.ASCII | re.DOTALL
)
_ARGPARSE = lazy_pattern(
    r"(?:(?!slurm|srun)[\w. -]{1,60}: error: "
    r"|Error: (?=No such (?:option|command)|Invalid value for |Missing (?:option|argument)"
    r"|Got unexpected extra argument)|(?=no such option: -))(.{1,2000})$",
    re.ASCII,
)
"""What parsers of command lines print: Python's, Click's, and pip's own."""

_TRACEBACK = "Traceback (most recent call last):"
_DIRECT = "The above exception was the direct cause"
_DURING = "During handling of the above exception"
_LINKS = (_DIRECT, _DURING)
_HARMLESS = ("Exception in ASGI application", "Exception ignored in")
_THREAD = "Exception in thread "
_NOT_OF_THE_PROCESS = (*_HARMLESS, _THREAD)
_HARMLESS_THREADS = ("auto_conversion", "_report_usage")
_TRIVIAL = ("KeyError", "AttributeError", "StopIteration", "ModuleNotFoundError", "ImportError", "Empty", "IndexError")
_NOT_A_MESSAGE = ("INFO:", "[rank", "Process ", "For more information check:", "(function ", '"""', "**")
_FRAME = lazy_pattern(
    r'[ |]{0,12}File "(?:[^"]{0,300}/(?:site-packages|dist-packages|workspace|vllm-workspace)/)?([^"]{1,300})", '
    r"line \d+, in ([\w<>.]{1,120})",
    re.ASCII,
)
_FLAT_CALL = 'File "'
CUT = "Cut"
"""The class of an exception that was cut off with its message."""

_RAISED = lazy_pattern(r"raise ([A-Za-z_][\w.]{0,80})\(", re.ASCII)
_MOST_FRAMES = 40
_SERIOUS = ("ERROR", "CRITICAL")
_STATIC = lazy_pattern(
    r"failed to start|encountered a|hit an exception|fatal error|Exception in|^Traceback|^Error in ", re.I
)
"""Words that a logger has for whatever happened, and which say nothing of it."""

_MESSAGE_LINES = 12
_MESSAGE_LENGTH = 1_500
_MOST_CHAINS = 200


class LoggedError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One exception as logged: its class, its message folded to one line, and the 1-based line where it stands.

    `frames` are the innermost calls of its traceback as `path:function`, the last being where it was raised; paths
    begin at the package. Access tokens are left out of the message. `parts` are the lines, with their numbers, that
    the message was put together of, where it was put together of several that may have nothing to do with each other.
    """

    type: str
    message: str
    line: int
    process: str = ""
    frames: tuple[str, ...] = ()
    parts: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.short_type}: {self.message}" if self.message else self.short_type

    @property
    def text(self) -> str:
        """Class with its module, message, and where it was raised: what patterns are looked for in."""
        return f"{self.type}: {self.message}" + (f" @ {self.frames[-1]}" if self.frames else "")

    def passed(self, *functions: str) -> bool:
        """Whether one of these functions was being executed."""
        return any(frame.rpartition(":")[2] in functions for frame in self.frames)

    @property
    def short_type(self) -> str:
        """The class without its module."""
        return self.type.partition("(")[0].rpartition(".")[2]

    @property
    def wrapper(self) -> bool:
        """Whether it only says that something below it failed."""
        if self.short_type in WRAPPER_TYPES or self.type.startswith("ray.exceptions.RayTaskError("):
            return True
        return WRAPPER.search(self.message) is not None

    @property
    def consequence(self) -> bool:
        """Whether it tells of a peer that went away or did not answer, as happens when another process failed."""
        return CONSEQUENCE.search(self.text) is not None


class Chain(msgspec.Struct, frozen=True):
    """Exceptions that led to each other, the innermost first; `during` marks those raised while handling another.

    `level` is the logger's; `request` marks what one request met, or what nobody minded, `thread` what ended a thread
    and not its process.
    """

    errors: tuple[LoggedError, ...]
    during: tuple[bool, ...]
    level: str = ""
    request: bool = False
    thread: bool = False

    @property
    def process(self) -> str:
        return self.errors[0].process

    @property
    def line(self) -> int:
        return self.errors[0].line

    @property
    def root(self) -> LoggedError | None:
        """The innermost exception that says what happened; None when all only wrap something else.

        A bare HTTP status gives way to the library's own words for it, and a lookup that failed on the way (KeyError,
        ImportError…) to what was raised because of it.
        """
        errors = [error for error in self.errors if not error.wrapper]
        while len(errors) > 1 and self._gives_way(errors[0], errors[1]):
            errors.pop(0)
        return errors[0] if errors else None

    def _gives_way(self, error: LoggedError, outer: LoggedError) -> bool:
        if error.short_type in ("HTTPStatusError", "HTTPError"):
            status = re.search(r"\b[45]\d\d\b", error.message)
            return status is not None and status[0] in outer.message
        during = self.during[self.errors.index(outer)]
        return during and (error.short_type in _TRIVIAL or "invalid literal for int" in error.message)


def chains(lines: Iterable[Line]) -> tuple[Chain, ...]:
    """Every chain of exceptions in a log, in the order in which they begin."""
    collector = Collector()
    for line in lines:
        collector.read(line)
    return collector.finish()


class Collector:
    """Reads lines of all processes, each process apart, into chains of exceptions."""

    def __init__(self) -> None:
        self._readers: dict[str, _Reader] = {}

    def read(self, line: Line) -> None:
        reader = self._readers.get(line.process)
        if reader is None:
            reader = self._readers[line.process] = _Reader(line.process)
        reader.read(line)

    @property
    def unfinished(self) -> bool:
        """Whether a traceback that a logger called an error has no end: the log was cut within it."""
        return any(reader.unfinished for reader in self._readers.values())

    def cut(self) -> tuple[Chain, ...]:
        """What is left of tracebacks whose exception was cut off: their calls, and the last code that they show."""
        found = [reader.cut() for reader in self._readers.values()]
        return tuple(sorted((chain for chain in found if chain is not None), key=lambda chain: chain.line))

    def finish(self) -> tuple[Chain, ...]:
        found = [chain for reader in self._readers.values() for chain in reader.finish()]
        return tuple(sorted(found, key=lambda chain: chain.line))


def exception_of(text: str) -> tuple[str, str] | None:
    """The class and the message of the exception that a line is; None where it is none."""
    match = _EXCEPTION.match(text)
    return (match[1], match[2] or "") if match is not None else None


def height(process: str) -> int:
    """How far above the GPU a process stands: 0 for a worker, 3 for the API server."""
    name = process.lower()
    if "worker" in name or name.startswith("rank"):
        return 0
    if name.startswith("enginecore"):
        return 1
    return 3 if name.startswith("apiserver") else 2


class _Reader:
    """Reads the lines of one process, one after the other, into chains of exceptions."""

    def __init__(self, process: str) -> None:
        self.process = process
        self._chains: list[Chain] = []
        self._errors: list[LoggedError] = []
        self._during: list[bool] = []
        self._message: list[str] = []
        self._open: tuple[str, int, str] | None = None  # class, line and log place of the exception being read
        self._traceback: str | None = None  # the log place of the traceback being read
        self._flat = False
        self._linked = False
        self._next_during = False
        self._said = ("", "", 0)  # where a logger called something an error last, in which words and line
        self._before = ""  # what it said in front of the traceback being read
        self._level = ""
        self._request = False
        self._thread = False
        self._frames: deque[str] = deque(maxlen=_MOST_FRAMES)
        self._code, self._code_line = "", 0

    def read(self, line: Line) -> None:
        text = line.text
        if _TRACEBACK in text:
            self._start_traceback(line)
        elif text.startswith(_LINKS):
            self._link(during=text.startswith(_DURING))
        elif self._traceback is not None:
            self._read_frame(line, self._traceback)
        elif self._continues(line):
            if (frame := _FRAME.match(text)) is not None:  # Ray puts the frames behind the message
                self._frames.append(f"{frame[1]}:{frame[2]}")
            else:
                self._message.append(text)
        else:
            self._read_plain(line)

    @property
    def unfinished(self) -> bool:
        return self._traceback is not None and self._level in _SERIOUS

    def cut(self) -> Chain | None:
        """Calls without the exception that ended them, at the end of what this process wrote."""
        if not self._frames or self._open is not None:
            return None
        raised = _RAISED.match(self._code)
        type_ = raised[1] if raised is not None else CUT
        told = self._before or self._code  # `logger.exception(e)` writes the message before the traceback
        error = LoggedError(type_, without_secrets(told), self._code_line, self.process, tuple(self._frames))
        return Chain((error,), (False,), self._level, self._request, self._thread)

    def finish(self) -> list[Chain]:
        self._close_error()
        self._close_chain()
        return self._chains

    def _start_traceback(self, line: Line) -> None:
        self._close_error()
        self._unchain()
        self._traceback = line.place
        place, said, number = self._said
        at_once = place == line.place != "" or (not line.place and line.number == number + 1)
        self._before = said if at_once and not _STATIC.search(said) else ""
        self._flat = False
        self._frames.clear()
        self._level = line.level or self._level

    def _link(self, *, during: bool) -> None:
        self._close_error()
        self._traceback = None
        self._linked = bool(self._errors)
        self._next_during = during

    def _read_frame(self, line: Line, place: str) -> None:
        if not line.text or line.text[0] in " \t|+" or line.place != place or self._is_flat(line.text):
            self._read_call(line)
            return
        self._traceback = None
        match = _IN_TRACEBACK.match(line.text)
        if match is not None:
            self._begin(match, line)

    def _is_flat(self, text: str) -> bool:
        """Whether a line belongs to a traceback whose indentation was lost on the way."""
        if text.startswith(_FLAT_CALL):
            self._flat = True
        return self._flat and not text.startswith(_NOT_A_MESSAGE) and not _EXCEPTION.match(text)

    def _read_plain(self, line: Line) -> None:
        self._close_error()
        text = line.text
        if text.startswith(_NOT_OF_THE_PROCESS):
            self._unchain()
            self._thread = text.startswith(_THREAD)
            self._request = not self._thread or any(name in text for name in _HARMLESS_THREADS)
            return
        match = _ARGPARSE.match(text.lstrip())
        if not text or (match is None and text[0] in " \t") or text.startswith(_FLAT_CALL):
            self._read_call(line)
            return
        if match is not None:
            self._unchain()
            self._open = ("ArgumentError", line.number, line.place)
            self._message = [match[1]]
        elif line.place and (match := _REPR.match(text)) is not None:
            self._unchain()
            self._level = line.level
            self._errors.append(LoggedError(match[1], _fold([match[2]]), line.number, self.process))
            self._during.append(False)
            self._close_chain()
        elif (match := _EXCEPTION.match(text)) is not None:
            self._unchain()
            self._level = line.level
            self._begin(match, line)
        else:
            self._read_said(line)

    def _read_said(self, line: Line) -> None:
        """A line that is no part of a traceback."""
        if line.level in _SERIOUS:
            self._said = (line.place, line.text, line.number)
        if line.place or line.text.startswith("INFO:"):
            self._unchain()
            self._frames.clear()

    def _read_call(self, line: Line) -> None:
        """A line of a traceback, be its beginning cut off: a call, or the code below it."""
        if (frame := _FRAME.match(line.text)) is not None:
            self._frames.append(f"{frame[1]}:{frame[2]}")
            self._code, self._code_line = "", line.number
        elif self._frames and (code := line.text.strip(" \t|+")).strip("^~"):
            self._code = f"{self._code} {code}".strip()[:_MESSAGE_LENGTH]

    def _unchain(self) -> None:
        if not self._linked:
            self._close_chain()

    def _begin(self, match: re.Match[str], line: Line) -> None:
        self._open = (match[1], line.number, line.place)
        self._message = [match[2] or ""]

    def _continues(self, line: Line) -> bool:
        """Whether a line belongs to the message of the exception being read."""
        if self._open is None or line.place != self._open[2] or len(self._message) >= _MESSAGE_LINES:
            return False
        return not line.text.startswith(_NOT_A_MESSAGE) and not _EXCEPTION.match(line.text)

    def _close_error(self) -> None:
        if self._open is None:
            return
        type_, number, _ = self._open
        message = _fold(self._message) or without_secrets(self._code)  # an assertion without words shows its code
        self._errors.append(LoggedError(without_secrets(type_), message, number, self.process, tuple(self._frames)))
        self._frames.clear()
        self._code = ""
        self._during.append(self._next_during)
        self._open, self._message, self._linked, self._next_during = None, [], False, False

    def _close_chain(self) -> None:
        if self._errors and len(self._chains) < _MOST_CHAINS:
            errors, during = tuple(self._errors), tuple(self._during)
            request = self._request or any(CLIENTS.match(error.type) for error in errors)
            self._chains.append(Chain(errors, during, self._level, request, self._thread))
        if self._errors:
            self._level, self._request, self._thread = "", False, False
        self._errors, self._during, self._linked, self._next_during = [], [], False, False


def _fold(message: Iterable[str]) -> str:
    """A message of several lines as one; pydantic's preamble and trailer are left out."""
    text = without_secrets(" ".join(" ".join(message).split())[:_MESSAGE_LENGTH])
    return re.sub(r" \[type=\w+, .*$", "", re.sub(r"^\d+ validation errors? for \w+ Value error, ", "", text))
