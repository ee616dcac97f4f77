"""A container's log as lines: whatever loggers and runtimes put before a message is taken off and kept apart.

Handles vLLM's own prefixes (`(APIServer pid=1) (EngineCore_DP0 pid=283) INFO 11-23 21:06:27 [core.py:114] `), colours,
`kubectl logs --prefix` and `--timestamps`, CRI files, and JSON, whether the runtime's or vLLM's. Every line is cut at
LONGEST characters, so that the time spent grows with the size of the log and with nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import msgspec

LONGEST = 16_384

_COLOUR = re.compile("[\x1b\ufffd]\\[[0-9;]{0,16}m")
_POD = re.compile(r"\[pod/[^\]\s]{1,512}\] ")
_RUNTIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) (?:(?:stdout|stderr) [FP] )?", re.ASCII
)
_PROCESS = re.compile(r"\(([A-Za-z]\w{0,63})(?:[ -][^()=]{0,40}=?[^()]{0,40})? ?pid=\d{1,10}\) ?", re.ASCII)
_HEADER = re.compile(
    r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) (?:\d{4}-)?(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)"
    r"(?:[.,]\d{1,6})? ?(?:\[([^\]]{0,120})\] ?)?",
    re.ASCII,
)
_LEAP_YEAR = 2000


class Line(msgspec.Struct, frozen=True):
    """One line: `number` counts from 1, `process` is the innermost that wrote it, `at` the log's own clock.

    `at` has no year (vLLM writes none) unless the runtime stamped the line; only differences mean something.
    """

    number: int
    text: str
    process: str = ""
    level: str = ""
    place: str = ""
    at: datetime | None = None


def log_lines(text: str) -> Iterator[Line]:
    """Every line of a log, stripped of what is not the message."""
    for number, raw in enumerate(text.split("\n"), start=1):
        yield _line(number, raw[:LONGEST].rstrip())


def _line(number: int, raw: str) -> Line:
    text, at = raw, None
    if "[" in text[:600]:
        text = _POD.sub("", _COLOUR.sub("", text), count=1) if text.startswith("[pod/") else _COLOUR.sub("", text)
    if text[:1].isdigit() and (stamp := _RUNTIME.match(text)):
        at = datetime.fromisoformat(stamp[1])
        text = text[stamp.end() :]
    if text.startswith('{"'):
        text = _json_message(text)
    process = ""
    while text.startswith("(") and (match := _PROCESS.match(text)):
        process = match[1]
        text = text[match.end() :]
    header = _HEADER.match(text) if text[:1] in "DIWEC" else None
    if header is None:
        return Line(number, text, process, at=at)
    return Line(number, text[header.end() :], process, header[1], header[7] or "", at or _moment(header))


def _moment(header: re.Match[str]) -> datetime | None:
    try:
        return datetime(_LEAP_YEAR, int(header[2]), int(header[3]), int(header[4]), int(header[5]), int(header[6]))
    except ValueError:
        return None


def _json_message(text: str) -> str:
    """The message inside a line that a JSON logger wrote: Docker's `log`, or the usual names of a message."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError):
        return text
    if not isinstance(document, dict):
        return text
    message = next((document[key] for key in ("log", "message", "msg") if isinstance(document.get(key), str)), None)
    return text if message is None else message.rstrip("\n")[:LONGEST]
