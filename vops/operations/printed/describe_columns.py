"""Events in tables of consoles and dashboards with a header of their own, which has Reason and Message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told

_CELLS = lazy_pattern(r"\t+| *\| *| {2,}")
_REASON = lazy_pattern(r"[A-Z][A-Za-z]{2,60}")
_ORDINARY = ("Pulling", "Pulled", "Created", "Started", "Scheduled", "Killing", "SuccessfulCreate", "SuccessfulDelete")
_MOMENTS = ("%b %d, %Y, %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S")
_SEEN = ("lastseen", "lasttimestamp", "time", "date")


def told_in_columns(text: str) -> Iterator[Told]:
    """The events of such a table, the oldest first."""
    header: list[str] = []
    rows: list[dict[str, str]] = []
    for line in text.splitlines():
        cells = _cells(line)
        names = [cell.lower().replace(" ", "") for cell in cells]
        if {"reason", "message"} <= set(names) and "status" not in names:
            header = names
        elif header and len(cells) == len(header):
            rows.append(dict(zip(header, cells, strict=True)))
    named = [row for row in rows if _REASON.fullmatch(row["reason"])]
    yield from map(_told, reversed(named) if _newest_first(named) else named)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _CELLS.split(line.strip().strip("|"))]


def _told(row: dict[str, str]) -> Told:
    kind = row.get("type") or ("Normal" if row["reason"] in _ORDINARY else "Warning")
    count = row.get("count", "")
    source = row.get("from", row.get("source", "")).partition(",")[0]
    return Told(kind, row["reason"], row["message"], source, times=int(count) if count.isdecimal() else 1)


def _newest_first(rows: list[dict[str, str]]) -> bool:
    times = [when for row in rows if (when := _moment(row)) is not None]
    return len(times) > 1 and times[0] > times[-1]


def _moment(row: dict[str, str]) -> datetime | None:
    seen: Iterable[str] = (row[name] for name in _SEEN if name in row)
    for text in seen:
        for form in _MOMENTS:
            try:
                return datetime.strptime(text, form)
            except ValueError:
                continue
    return None
