"""What people and log stores put around a text: Markdown fences, quotation marks, records in a JSON list.

A fence or a quotation mark is taken off only where a whole text is in it, or stands alone on its line; everything else
is left as it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.model.patterns import lazy_pattern

_FENCE = lazy_pattern(rb"(?m)^[ \t>]{0,12}(?:```|~~~)[\w+-]{0,20}[ \t]*\r?\n?")
_LONGEST = 64 * 2**20
_SNIFFED = 65_536
_MESSAGES = ("textPayload", "message", "log", "msg", "line", "_raw")
_TIMES = ("timestamp", "@timestamp", "time", "ts")


def unwrapped(body: bytes) -> bytes:
    """A text without Markdown fences, and without `> ` where all of its lines have it."""
    head = body[:_SNIFFED]
    if len(body) > _LONGEST or (b"```" not in head and b"~~~" not in head and not head.lstrip().startswith(b">")):
        return body
    body = _FENCE.sub(b"", body)
    lines = body.split(b"\n")
    if all(line.startswith(b">") for line in lines if line.strip()):
        lines = [line.removeprefix(b">").removeprefix(b" ") for line in lines]
    return b"\n".join(lines)


def as_log_lines(body: bytes) -> bytes | None:
    """The messages of log records that came as JSON, oldest first; None when that is not what a text is."""
    records = _records(body)
    if records is None:
        return None
    ordered = sorted(records, key=_time)
    return "\n".join(text.rstrip("\n") for record in ordered if (text := _message(record)) is not None).encode()


def _records(body: bytes) -> list[dict[str, Any]] | None:
    if body.lstrip()[:1] != b"[":
        return None
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(found, list) and found and all(isinstance(item, dict) and "kind" not in item for item in found)
    return found if whole and _message(found[0]) is not None else None


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
