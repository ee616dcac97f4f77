"""A container's log as lines: whatever loggers and runtimes put before a message is taken off and kept apart.

Handles vLLM's prefixes of every version (`(APIServer pid=1) (EngineCore_DP0 pid=2) INFO 11-23 21:06:27 [core.py:114] `
and `INFO 11-24 02:00:00 api_server.py:1] `), those of Ray, torch, klog, logrus and zap, colours, `kubectl logs
--prefix` and `--timestamps`, compose, journald, CRI files with their partial lines, and JSON, the runtime's or a
logger's. Every line is cut at LONGEST characters, and of a very long log only the two ends are read, so that the time
spent grows with the size of the log and is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import msgspec

from vops.diagnosis.logs.structured import flat_record, json_lines
from vops.model.patterns import lazy_pattern

LONGEST = 16_384
HEAD, TAIL = 2**20, 4 * 2**20
"""How much of a very long log is read, in characters: its beginning and its end."""

_COLOUR = lazy_pattern(r"(?:[\x1b\ufffd]\[[0-9;]{0,16}m|\[\d{1,3}(?:;\d{1,3}){0,4}m)", re.ASCII)
_SOURCE = lazy_pattern(
    r"\[pod/[^\]\s]{1,512}\](?: |$)"  # kubectl logs --prefix
    r"|[\w.-]{1,80} +\|(?: |$)"  # docker compose
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| [A-Z]{4,8} \| std(?:out|err) \|(?: |$)"  # FastChat
    r"|[A-Z][a-z]{2}, [A-Z][a-z]{2} \d{1,2} \d{4} \d{1,2}:\d\d:\d\d [ap]m(?: |$)"  # Rancher
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,80} [\w.@/-]{1,80}(?:\[\d{1,10}\])?:(?: |$)"  # journald
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}<std(?:out|err)>: ?"  # mpirun with dates
    r"|\[[\w .:/-]{1,120}\]: \d{4}-\d\d-\d\dT[\d:.]{8,18}Z \d{1,10} std(?:out|err):(?: |$)"  # a supervisor's
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,6} \[[A-Z][a-z]{2,8}\] \(Process\)(?: |$)"  # Lemonade
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3} \[[A-Z]{4,5} ?\] W-\d{1,6}-[\w.-]{1,100}-std(?:out|err) MODEL_LOG -(?: "
    r"|$)"  # TorchServe
    r"|\[?[A-Z]{4,5} ?\]? {1,3}PyProcess (?:- )?W-\d{1,6}-[\w.-]{1,100}-std(?:out|err):(?: |$)"  # DJL Serving
    r"(?:\[\d{1,3},\d{1,3}\]<std(?:out|err)>: ?)?",
    re.ASCII,
)
_RUNTIME = lazy_pattern(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
    r"(?: (stdout|stderr) ([FP])(?=[ \n]|$))?[ \t]?",
    re.ASCII,
)
_PROCESS = lazy_pattern(
    r"\((?P<name>[A-Za-z_][\w:.-]{0,120}?)(?P<more>[ -][^()=]{0,40}=?[^()]{0,40})? ?(?P<pid>pid=\d{1,10})"
    r"(?:, ip=[\w.:]{1,64})?\) ?|\((?P<bare>pid=\d{1,10}|raylet|gcs_server|autoscaler [+\w]{1,16})"
    r"(?:, ip=[\w.:]{1,64})?\) ?"
    r"|\[(?P<rank>rank\d{1,5})\]: ?",
    re.ASCII,
)
_REPEATED = lazy_pattern(r" \[repeated \d{1,9}x across cluster\].{0,200}$", re.ASCII)
_LEVELS = "DEBUG|INFO|WARNING|ERROR|CRITICAL"
_HEADER = lazy_pattern(
    rf"({_LEVELS}) (?:\d{{4}}-)?(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)"
    r"(?:[.,]\d{1,6})? ?(?:\[([^\]]{0,120})\] ?|([\w./-]{1,100}:\d{1,6})\] ?)?",
    re.ASCII,
)
_UNDATED = lazy_pattern(rf"({_LEVELS}):? \[([\w./-]{{1,100}}:\d{{1,6}})\] ?", re.ASCII)
_DATED = lazy_pattern(
    r"\[?\d{4}-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,]\d{1,6})?Z?\]?(?: ?\| ?| - |[ \t]+)"
    r"(?:\d{1,8} - |\d{1,8} [\w.]{1,40} |[\w.]{1,80} - )?"
    rf"\[?({_LEVELS}|WARN|FATAL)\b\]?[ \t]*[|:-]*[ \t]*(?:\[[^\]]{{1,120}}\] )?"
    r"(?:([\w./-]{1,100}:\d{1,6}) (?:--|-|\||\]) )?",
    re.ASCII,
)
_GLOG = lazy_pattern(
    r"\[?([IWEF])(\d\d?)(\d\d) (\d\d):(\d\d):(\d\d)(?:\.\d{1,9})? +(?:\d{1,8} )?([\w./-]{1,100}:\d{1,6})\] ?", re.ASCII
)
_GO = lazy_pattern(
    r"\d{4}/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)(?:\.\d{1,9})? (?=(Failed|Fatal|Error|error|panic|Could not|could not)?)",
    re.ASCII,
)
_EPOCH = lazy_pattern(rf"\d\.\d{{1,16}}e\+09\t({_LEVELS}|WARN|FATAL)\t(?:[\w./-]{{1,100}}\t)?", re.ASCII)
"""zap's header where nobody set a format for its time."""
_UVICORN = lazy_pattern(r"(ERROR|CRITICAL|WARNING): {2,8}", re.ASCII)
_LOGRUS = lazy_pattern(r"(DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d{4,8}\] ", re.ASCII)
"""logrus' header on a terminal: the level's first letters and the seconds since the start."""
_ZAP_LEVELS = ("DEBUG  ", "INFO  ", "WARN  ", "ERROR  ", "FATAL  ", "PANIC  ")
_PASSED_ON = lazy_pattern(r" {0,2}[A-Z]{4,5} [a-z]\w{0,80}(?:::\w{1,80}){1,8}: VLLM: ", re.ASCII)
"""What Dynamo, in Rust, puts before each line that its engine prints, behind a stamp."""

_LETTERS = {"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL", "WARN": "WARNING", "FATAL": "CRITICAL"}
_CUT_LEVELS = {"DEBU": "DEBUG", "ERRO": "ERROR", "FATA": "CRITICAL", "PANI": "CRITICAL"}
_LEAP_YEAR = 2000
_MOST_PREFIXES = 8
_NAMES = lazy_pattern(
    r"(?=[a-z0-9.-]{0,250}[a-z])[a-z0-9][a-z0-9.-]{1,252} (?:[a-z0-9][a-z0-9-]{1,62} )?(?=[A-Z0-9(\[{])", re.ASCII
)
_SNIFFED, _MOST_SNIFFED, _FEWEST_SNIFFED = 65_536, 40, 4
_MOST_OF_THEM = 0.6
_PARTIAL_LENGTH = 8_192
_BAR = lazy_pattern(
    r"[^|]{0,200}%(?: Completed)? ?\|.{0,200}?[\[<, ](?:\d+:)?\d\d:\d\d<?[^\]\[]{0,40}\](?=[^\s\]])", re.ASCII
)
"""A progress bar, which ends without a newline, so that whatever is written next stands right behind it."""

_STAMPED = rf"(?:{_LEVELS}) \d\d-\d\d \d\d:\d\d:\d\d (?:\[[\w./-]{{1,100}}:\d{{1,6}}\]|[\w./-]{{1,100}}:\d{{1,6}}\])"
_EMBEDDED = lazy_pattern(
    rf" (?=\(\w[\w:.-]{{0,60}}[^()]{{0,40}}pid=\d{{1,10}}[^()]{{0,80}}\) {_STAMPED})|(?<!\)) (?={_STAMPED})", re.ASCII
)
"""Where the next line of a log begins that was pasted without its newlines."""

_ONE_LINE = lazy_pattern(
    _EMBEDDED.pattern + r"| (?=Traceback \(most)|(?<=call last\):) | (?=File \"[^\"]{1,300}\", line \d{1,6}, in )"
    r"| (?=(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Za-z]\w{0,60}(?:Error|Exception): )",
    re.ASCII,
)
"""Where the lines of a traceback begin that was pasted as one."""

_LONG = 300
FENCE = "```"
"""A line of its own that ends whatever was pasted above it."""


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
    """The lines of a log, stripped of what is not the message; of a very long one, those of its two ends."""
    joiner, shared = _Joiner(), _shared_prefix(text)
    for number, raw in _windows(text):
        yield from joiner.lines(number, raw.removeprefix(shared))
    yield from joiner.rest()


def line_count(text: str) -> int:
    return text.count("\n") + 1


def _shared_prefix(text: str) -> str:
    """The container's name, or pod's and container's, where a viewer put it before every line."""
    lines = [line for line in text[:_SNIFFED].split("\n")[:_MOST_SNIFFED] if line.strip()]
    if len(lines) < _FEWEST_SNIFFED:
        return ""
    for match in (_NAMES.match(line) for line in lines[:2]):
        if match and sum(line.startswith(match[0].rstrip()) for line in lines) >= _MOST_OF_THEM * len(lines):
            return match[0]
    return ""


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """Numbered raw lines: all of them, or those of the head and the tail."""
    if len(text) <= HEAD + TAIL:
        yield from enumerate(text.split("\n"), start=1)
        return
    head_end = text.rfind("\n", 0, HEAD) + 1 or HEAD
    tail_start = text.find("\n", len(text) - TAIL) + 1 or len(text) - TAIL
    yield from enumerate(text[:head_end].split("\n"), start=1)
    before = text.count("\n", 0, tail_start)
    yield from enumerate(text[tail_start:].split("\n"), start=before + 1)


class _Joiner:
    """Puts together what a runtime had cut into partial lines, stream by stream."""

    def __init__(self) -> None:
        self._partial: dict[str, tuple[int, str, datetime | None]] = {}

    def lines(self, number: int, raw: str) -> Iterator[Line]:
        text, at = raw[:LONGEST], None
        if "[" in text[:600]:
            text = _COLOUR.sub("", text)
        if (match := _SOURCE.match(text)) is not None:
            text = text[match.end() :]
        if text[:1].isdigit() and (stamp := _RUNTIME.match(text)):
            at = _instant(stamp[1])
            text = text[stamp.end() :]
            text = text.lstrip(" ") if text.lstrip(" ").startswith(_ZAP_LEVELS) else text
            text = text[passed.end() :] if (passed := _PASSED_ON.match(text)) is not None else text
            if stamp[2]:
                yield from self._piece(number, text, at, stamp[2], whole=stamp[3] == "F")
                return
        yield from self._whole(number, text, at)

    def rest(self) -> Iterator[Line]:
        """Pieces whose end never came."""
        for number, text, at in self._partial.values():
            yield from self._whole(number, text, at)

    def _piece(self, number: int, text: str, at: datetime | None, stream: str, *, whole: bool) -> Iterator[Line]:
        first, begun, began = self._partial.pop(stream, (number, "", at))
        joined = (begun + text)[:LONGEST]
        if whole:
            yield from self._whole(first, joined, began)
        else:
            self._partial[stream] = (first, joined, began)

    def _whole(self, number: int, text: str, at: datetime | None) -> Iterator[Line]:
        if not text.startswith("{"):
            yield from self._parts(number, text.rstrip(), at)
            return
        record = json_lines(text)
        if record is None:
            yield _line(number, text.rstrip(), at)
        elif record.stream and len(record.lines[0]) >= _PARTIAL_LENGTH and not record.ended:
            yield from self._piece(number, record.lines[0], at, record.stream, whole=False)
        elif record.stream in self._partial:
            yield from self._piece(number, record.lines[0], at, record.stream, whole=True)
        else:
            inner = json_lines(record.lines[0]) if record.stream and record.lines[0].startswith("{") else None
            for message in (inner or record).lines:
                yield _line(number, message[:LONGEST].rstrip(), at, (inner or record).level)

    def _parts(self, number: int, text: str, at: datetime | None) -> Iterator[Line]:
        """A line, or the several that it was before a progress bar or a form took their newlines away."""
        if "%" in text and (bar := _BAR.match(text)) is not None:
            yield _line(number, bar[0], at)
            yield from self._whole(number, text[bar.end() :], at)
        elif len(pieces := _pasted(text)) > 1:
            for piece in pieces:
                yield _line(number, piece, at)
        else:
            yield _line(number, text, at)


def _pasted(text: str) -> list[str]:
    """The lines that a form made one of."""
    if "call last): " in text:
        return _ONE_LINE.split(text)
    return _EMBEDDED.split(text) if len(text) > _LONG and " ERROR " in text else [text]


def _line(number: int, raw: str, at: datetime | None, level: str = "") -> Line:
    if raw == FENCE:
        return Line(number, "", place=FENCE)
    text, process, place = raw, "", ""
    if "[" in text[:600]:
        text = _COLOUR.sub("", text)
    for _ in range(_MOST_PREFIXES):
        if text[:1] in "([" and (match := _PROCESS.match(text)):
            process = _named(match, process)
            text = text[match.end() :]
            continue
        header = _header(text)
        if header is None:
            break
        level, place, clock, end = header
        at, text = at or clock, text[end:]
        if text.startswith("["):  # torchrun puts its rank behind the header
            continue
        break
    if "[repeated" in text:
        text = _REPEATED.sub("", text)
    if (record := flat_record(text)) is not None:
        level, text = record
    return Line(number, text, process, level, place, at)


def _named(match: re.Match[str], above: str) -> str:
    """What a process is called: workers that share a name are told apart by rank or pid; a rank names what is above."""
    if match["rank"]:
        return (
            f"{above} {match['rank']}"
            if above and not any(sign.isdigit() for sign in above)
            else above or match["rank"]
        )
    if match["bare"]:
        return match["bare"]
    name, more = match["name"], (match["more"] or "").strip(" -")
    if "worker" not in name.lower() or any(sign.isdigit() for sign in name):
        return name
    return f"{name} {more or match['pid']}"


def _header(text: str) -> tuple[str, str, datetime | None, int] | None:
    """Level, place, time and length of a logger's header; None where there is none."""
    first = text[:1]
    if first in "DIWEC" and (match := _HEADER.match(text)):
        return match[1], match[7] or match[8] or "", _moment(*match.group(2, 3, 4, 5, 6)), match.end()
    if first in "DIWEC" and (match := _UNDATED.match(text)):
        return match[1], match[2], None, match.end()
    if first in "DIWEFP" and text[4:5] == "[" and (match := _LOGRUS.match(text)):
        return _CUT_LEVELS.get(match[1]) or _LETTERS.get(match[1], match[1]), "", None, match.end()
    if (first == "[" or first in "IWEF") and (match := _GLOG.match(text)):
        return _LETTERS[match[1]], match[7], _moment(*match.group(2, 3, 4, 5, 6)), match.end()
    if (first == "[" or first.isdigit()) and (match := _DATED.match(text)):
        level = _LETTERS.get(match[6], match[6])
        return level, match[7] or "", _moment(*match.group(1, 2, 3, 4, 5)), match.end()
    if first.isdigit() and (match := _GO.match(text)):
        return "ERROR" if match[6] else "", "", _moment(*match.group(1, 2, 3, 4, 5)), match.end()
    if first == "1" and (match := _EPOCH.match(text)):
        return _LETTERS.get(match[1], match[1]), "", None, match.end()
    if first in "ECW" and (match := _UVICORN.match(text)):
        return match[1], "uvicorn", None, match.end()
    return None


def _instant(text: str) -> datetime | None:
    """A runtime's stamp as a time; None for one that there is not."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _moment(month: str, day: str, hour: str, minute: str, second: str) -> datetime | None:
    try:
        return datetime(_LEAP_YEAR, int(month), int(day), int(hour), int(minute), int(second))
    except ValueError:
        return None
