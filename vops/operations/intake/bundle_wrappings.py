"""What people and log stores put around a text: HTML, Markdown fences, quotation marks, records in a JSON list.

A fence or a quotation mark is taken off only where a whole text is in it, or stands alone on its line; everything else
is left as it is.
"""

from __future__ import annotations

import itertools
import re
from html import unescape
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from vops.model.patterns import lazy_pattern

_FENCE = lazy_pattern(rb"(?m)^[ \t>]{0,12}(?:```|~~~)(?:[\w+-]{0,20}(?![\w+:.-]))?[ \t]*\r?\n?")
_BLOCK = lazy_pattern(
    rb"(?m)^(?P<opens>[ \t]{0,12}(?:```|~~~)[\w+-]{0,20}[ \t]*\r?\n)"
    rb"(?P<inside>(?:(?![ \t]{0,12}(?:```|~~~)).*\n)*)(?P<closes>[ \t]{0,12}(?:```|~~~)[ \t]*\r?$)"
)
"""What stands between two fences."""

_QUOTED = lazy_pattern(rb"(?m)^(?:>(?: |(?=\S)|$))+")
_COMMENT = lazy_pattern(rb"(?m)^# ?")
_FRAMED = lazy_pattern(r"\s*[│┃|] ?(?P<text>.*?) ?[│┃|]\s*")
_NUMBER = lazy_pattern(rb"(?m)^ {0,12}(\d{1,7})(?:\t|:|[ ]{1,2}\|? ?)")
_FEWEST_NUMBERED, _MOST_NUMBERED = 3, 200
_SOURCES = (
    lazy_pattern(rb"(?m)^\[pod/[^\]\s]{1,512}\] ?"),
    lazy_pattern(rb"(?m)^[\w.-]{1,80} +\| ?"),
    lazy_pattern(rb"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z (?! *[A-Z]{4,5}\s+controller\b)"),
    lazy_pattern(rb"(?m)^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,80} [\w.@/-]{1,80}(?:\[\d{1,10}\])?: ?"),
)
_INDENT = lazy_pattern(rb"[ \t]+(?=\S)")
_LEFT = lazy_pattern(rb"(?m)^[^ \t\r\n]")
_FIELD = lazy_pattern(rb"\s*\"[A-Za-z][\w.-]{0,60}\": ?[\[{\"\d]")
_OF_A_PAGE = lazy_pattern(rb"&(?:quot|lt|gt|nbsp|#39|#x27|#34);|</?(?:pre|code)\b[^>]{0,200}>")
_BREAK = lazy_pattern(r"<(?:br ?/?|/p|/li|/div)>\n?")
_TAG = lazy_pattern(
    r"</?(?:p|pre|code|span|div|strong|em|b|i|ul|ol|li|h[1-6]|blockquote|details|summary|a)(?: [^<>]{0,400})?>"
)
_MOST_CLOSING = 8
_FIVE = 5
_LONGEST = 64 * 2**20
_SNIFFED = 65_536
_LONGEST_YAML = 4 * 2**20
_RECORD = lazy_pattern(rb"(?m)^(?:insertId|logName|receiveTimestamp): \S")
"""What gcloud prints of each record, which is YAML unless it is asked for something else."""

_OF_A_REFUSAL = lazy_pattern(r"(?:BadRequest|NotFound|InternalServer|Authentication|UnprocessableEntity)Error")
_MESSAGES = ("textPayload", "message", "log", "msg", "line", "_raw")
_TIMES = ("timestamp", "@timestamp", "time", "ts")


def unwrapped(body: bytes, *, fence: bytes = b"") -> bytes:
    """A text without the markup of a page or of Markdown, the frame of a terminal, and the `> ` of quoted lines.

    `fence` stands where a line was a fence.
    """
    body = _outdented(_unnumbered(_braced(_unframed(_plain(body)))))
    body = _uncommented(body)
    head = body[:_SNIFFED]
    if len(body) > _LONGEST or (b"```" not in head and b"~~~" not in head and _QUOTED.search(head) is None):
        return body
    body = _BLOCK.sub(_of_a_block, body) if len(body) <= _SNIFFED else body
    return _QUOTED.sub(b"", _FENCE.sub(lambda found: fence if found[0].endswith(b"\n") else b"", body))


def _of_a_block(found: re.Match[bytes]) -> bytes:
    """What stands between two fences, without what each of its lines begins with for its place or its number."""
    inside = _unnumbered(found["inside"])
    return found["opens"] + _outdented(without_sources(inside) or inside) + found["closes"]


def _uncommented(body: bytes) -> bytes:
    """A text without the `#` that all of its lines begin with, as one that stood in a script or in YAML has it."""
    if not body.startswith(b"#") or len(body) > _LONGEST_YAML:
        return body
    lines = [line for line in body.splitlines() if line.strip()]
    return _COMMENT.sub(b"", body) if len(lines) > 1 and all(line.startswith(b"#") for line in lines) else body


def _plain(body: bytes) -> bytes:
    """What a browser shows of a text that was saved as HTML; data (JSON) is left as it is."""
    if len(body) > _LONGEST or body.lstrip()[:1] in (b"{", b"[") or _OF_A_PAGE.search(body[:_SNIFFED]) is None:
        return body
    text = _BREAK.sub("\n", body.decode("utf-8", "replace"))
    return unescape(_TAG.sub("", text)).replace("\xa0", " ").encode()


def _unframed(body: bytes) -> bytes:
    """A text that was copied out of a framed view such as k9s shows, its broken lines joined."""
    if "│".encode() not in body[:_SNIFFED] or len(body) > _LONGEST:
        return body
    lines = [line for line in body.decode("utf-8", "replace").splitlines() if line.strip()]
    framed = [match for line in lines if (match := _FRAMED.fullmatch(line)) is not None]
    if len(framed) * _FIVE < len(lines) * (_FIVE - 1):
        return body
    found: list[str] = []
    broken = False
    for match in framed:
        text = match["text"]
        found[-1:] = [found[-1] + text.strip()] if broken and found else [*found[-1:], text.rstrip()]
        broken = not text.endswith("  ") and bool(text.strip())
    return "\n".join(found).encode()


def without_sources(body: bytes) -> bytes | None:
    """A text without what kubectl, Docker or journald put before each line; None where none of them did."""
    head = [line for line in body[:_SNIFFED].splitlines() if line.strip()][:_MOST_NUMBERED]
    for source in _SOURCES:
        if head and all(source.match(line) for line in head):
            return source.sub(b"", body)
    return None


def _unnumbered(body: bytes) -> bytes:
    """A text without the numbers of its lines, as `cat -n`, `grep -n` and editors put them before each."""
    head = body[:_SNIFFED].splitlines()[: _MOST_NUMBERED if len(body) > _SNIFFED else None]
    numbers = [int(match[1]) if (match := _NUMBER.match(line)) is not None else 0 for line in head]
    rising = all(later > earlier > 0 for earlier, later in itertools.pairwise(numbers))
    if len(numbers) < _FEWEST_NUMBERED or not rising or len(body) > _LONGEST:
        return body
    return _NUMBER.sub(b"", body)


def _outdented(body: bytes) -> bytes:
    """A text without the indentation that all of its lines have, as one that stood in YAML or in a list has it."""
    first = _INDENT.match(body)
    if first is None or len(body) > _LONGEST or _LEFT.search(body, len(first[0])) is not None:
        return body
    lines = [line for line in body.splitlines() if line.strip()]
    least = min(len(line) - len(line.lstrip(b" \t")) for line in lines)
    return re.sub(rb"(?m)^[ \t]{%d}" % least, b"", body)


def _braced(body: bytes) -> bytes:
    """A part of a JSON object as an object: the fields that somebody copied, without what encloses them."""
    if len(body) > _SNIFFED or _FIELD.match(body) is None:
        return body
    text = body.strip()
    for _ in range(_MOST_CLOSING):
        text = text.rstrip(b", \t\r\n")
        whole = b"{" + text + b"}"
        try:
            msgspec.json.decode(whole)
        except (ValueError, RecursionError):
            if text[-1:] not in (b"}", b"]"):
                return body
            text = text[:-1]
        else:
            return whole
    return body


def as_log_lines(body: bytes) -> bytes | None:
    """The messages of log records that came as JSON, oldest first; None when that is not what a text is."""
    if (refusal := _refusal(body)) is not None:
        return refusal
    records = _records(body)
    if records is None:
        return None
    ordered = sorted(records, key=_time)
    return "\n".join(text.rstrip("\n") for record in ordered if (text := _message(record)) is not None).encode()


class _Refusal(msgspec.Struct):
    """What vLLM answers to a request that it refuses; newer versions keep it in `error`."""

    message: str = ""
    type: str = ""
    error: _Refusal | None = None


def _refusal(body: bytes) -> bytes | None:
    """The words of the server's API about a request, as its clients raise them; None for anything else."""
    if len(body) > _SNIFFED or b'"type"' not in body:
        return None
    try:
        answer = msgspec.json.decode(body, type=_Refusal)
    except (ValueError, RecursionError):
        return None
    told = answer.error or answer
    known = told.message and _OF_A_REFUSAL.fullmatch(told.type)
    return f"openai.{told.type}: {told.message}".encode() if known else None


def _records(body: bytes) -> list[dict[str, Any]] | None:
    if body.lstrip()[:1] != b"[" and (len(body) > _LONGEST_YAML or _RECORD.search(body[:_SNIFFED]) is None):
        return None
    try:
        found = msgspec.json.decode(body) if body.lstrip()[:1] == b"[" else _documents(body)
    except (ValueError, RecursionError, YAMLError):
        return None
    whole = isinstance(found, list) and found and all(map(_may_be_a_record, found))
    return found if whole and _message(found[0]) is not None else None


def _documents(body: bytes) -> list[Any]:
    return [item for item in YAML(typ="safe").load_all(body.decode("utf-8-sig", "replace")) if item is not None]


def as_metrics(body: bytes) -> bytes | None:
    """The page of metrics that Prometheus' answer to a query is of, where it is about one pod; None otherwise."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (ValueError, RecursionError):
        return None
    series = [item for item in answer.data.result if "__name__" in item.metric]
    places = {item.metric.get("pod", item.metric.get("instance", "")) for item in series}
    if not series or len(places) > 1:
        return None
    return "".join(f"{item.metric['__name__']}{_labels(item.metric)} {item.value[1]}\n" for item in series).encode()


def _labels(metric: dict[str, str]) -> str:
    return "{" + ",".join(f"{name}={msgspec.json.encode(text).decode()}" for name, text in metric.items()) + "}"


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Result(msgspec.Struct):
    result: list[_Series]


class _Answer(msgspec.Struct):
    data: _Result


def _may_be_a_record(item: Any) -> bool:
    """Whether something may be a record of a log: it is no object, and not one of an object's conditions."""
    return isinstance(item, dict) and "kind" not in item and not {"type", "status"} <= item.keys()


def _message(record: dict[str, Any]) -> str | None:
    """The line that a record holds, by the names that log stores use."""
    inner = record.get("jsonPayload")
    for holder in (record, inner if isinstance(inner, dict) else {}):
        found = next((holder[name] for name in _MESSAGES if isinstance(holder.get(name), str)), None)
        if found is not None:
            return str(found)
    return None


def _time(record: dict[str, Any]) -> str:
    return next((str(record[name]) for name in _TIMES if name in record), "")
