"""Lines of structured loggers: the message inside JSON, logrus (`level=error msg="…"`) and zap's console form.

The runtime's own JSON (Docker's json-file) is one of them. Nothing is interpreted but level and message.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from vops.model.patterns import lazy_pattern
from vops.model.text import read_json

_MESSAGE = ("log", "message", "msg", "textPayload", "event", "body")
_LEVEL = ("level", "levelname", "severity", "lvl", "log.level")
_TRACES = ("exc_info", "exception", "exc_text", "stack_trace", "stacktrace", "traceback", "error", "err")
_NESTED = ("jsonPayload", "record", "fields", "error")
_NAMES = {"WARN": "WARNING", "ERR": "ERROR", "FATAL": "CRITICAL", "PANIC": "CRITICAL", "DPANIC": "CRITICAL"}
_LOGRUS = lazy_pattern(
    r'(?:time="?[^"\s]{1,60}"? )?level=(\w{1,10}) (?:.{0,300}? )?msg="((?:[^"\\]|\\.){0,4000})"', re.ASCII
)
_LOGRUS_ERROR = lazy_pattern(r'\berror="((?:[^"\\]|\\.){0,2000})"', re.ASCII)
_STRING = lazy_pattern(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_OPEN_ESCAPE = lazy_pattern(r"(?<!\\)((?:\\\\){0,200})\\(?:u[0-9a-fA-F]{0,3})?$")
_ZAP = lazy_pattern(r"(DEBUG|INFO|WARN|ERROR|DPANIC|PANIC|FATAL)(?:\t| {2,12})(.{0,4000})", re.ASCII)
"""A form that text was pasted into may have made spaces of its tabs."""


class Record(msgspec.Struct, frozen=True):
    """What a JSON line says, in lines; `stream` and `ended` are Docker's, which cuts long lines into pieces."""

    lines: tuple[str, ...]
    level: str = ""
    stream: str = ""
    ended: bool = True


def json_lines(text: str) -> Record | None:
    """The message of a line that a JSON logger wrote, with the traceback it carries; None for any other line."""
    document = read_object(text)
    return _record(document) if document is not None else None


def read_object(text: str) -> dict[str, Any] | None:
    """The object that a line is, also of one whose end was cut off; None for any other line."""
    for candidate in (text, _closed(text)):
        try:
            document = read_json(candidate)
        except ValueError:
            continue
        if isinstance(document, dict):
            return document
    return None


def _closed(text: str) -> str:
    """The text of an object that ends within one of its strings, with all closed that is open there; else nothing."""
    if not text.startswith('{"'):
        return ""
    bare = _STRING.sub("", text)
    begins = bare.find('"')
    if begins < 0:
        return ""
    brackets: list[str] = []
    for char in bare[:begins]:
        if char in "{[":
            brackets.append("}" if char == "{" else "]")
        elif char in "}]" and brackets:
            brackets.pop()
    return _OPEN_ESCAPE.sub(r"\1", text) + '"' + "".join(reversed(brackets))


def _record(document: dict[str, Any]) -> Record | None:
    message = _first(document, _MESSAGE)
    if message is None:
        nested = next((document[key] for key in _NESTED if isinstance(document.get(key), dict)), None)
        record = _record(nested) if nested is not None else None
        above = _level(_first(document, _LEVEL) or "")
        return msgspec.structs.replace(record, level=record.level or above) if record is not None else None
    traces = [value for key in _TRACES for value in _texts(document.get(key)) if value not in message]
    if traces and "\n" not in traces[0]:
        lines: tuple[str, ...] = (f"{message}: {traces[0]}",)
    else:
        lines = tuple(line for text in (message, *traces) for line in text.rstrip("\n").split("\n"))
    stream = document.get("stream")
    return Record(
        lines=lines,
        level=_level(_first(document, _LEVEL) or ""),
        stream=stream if isinstance(stream, str) else "",
        ended=message.endswith("\n"),
    )


def flat_record(text: str) -> tuple[str, str] | None:
    """Level and message of a line of logrus or of zap's console form; None for any other line."""
    if "level=" in text[:120] and (match := _LOGRUS.match(text)):
        error = _LOGRUS_ERROR.search(text, match.end())
        return _level(match[1]), _unquoted(match[2]) + (f": {_unquoted(error[1])}" if error else "")
    if ("\t" in text[:8] or "  " in text[:8]) and (match := _ZAP.match(text)):
        return _level(match[1]), match[2].replace("\t", " ")
    return None


def _first(document: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((document[name] for name in names if isinstance(document.get(name), str)), None)


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) and value else ()


def _level(name: str) -> str:
    return _NAMES.get(name.upper(), name.upper())


def _unquoted(text: str) -> str:
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")
