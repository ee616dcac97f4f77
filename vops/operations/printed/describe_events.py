"""Events as kubectl prints them: below a described object, or as the table of `kubectl get events`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import field

from vops.model.patterns import lazy_pattern
from vops.operations.printed.event_kinds import KINDS, OF_REASON, OF_SOURCE

EVENT_TABLE = lazy_pattern(
    r"^ {0,12}(?:NAMESPACE +)?(?:LAST ?SEEN|FIRST ?SEEN) .{0,200}\b(?:TYPE +REASON|REASON +\w.{0,40} MESSAGE)\b.*$",
    re.MULTILINE,
)
_EVENTS = lazy_pattern(r"\s{0,12}Events:\s*")
_ROW = lazy_pattern(
    r"(?P<type>Normal|Warning)\s+(?P<reason>[\w./-]{1,100})\s+(?P<age><unknown>|<invalid>|[\dywdhms]{2,20})"
    r"(?: \(x(?P<times>\d{1,9}) over (?P<over>[\dywdhms]{2,20})\))?\s+"
    r"(?:(?P<source>[a-zA-Z][^\s,:\"]{1,253}(?:, \S{1,253})?)(?:\s{2,}|$)"
    r"|(?P<known>kubelet(?:, \S{1,253})?|karpenter(?:/\S{1,100})?|[a-z0-9.]{0,60}(?:-[a-z0-9.]{1,60}){0,5}"
    r"-(?:controller|scheduler|autoscaler|operator)|taint-eviction)\s)?\s*"
    r"(?P<message>\S.*)?$"
)
_LOOSE = lazy_pattern(
    r"(?:[a-z0-9][a-z0-9-]{0,62}\s+)?(?P<age><unknown>|<invalid>|[\dywdhms]{2,20}(?: ago)?)"
    r"(?: \(x(?P<times>\d{1,9}) over (?P<over>[\dywdhms]{2,20})\))?\s+(?P<type>Normal|Warning)"
    r"\s+(?P<reason>[\w./-]{1,100})\s+(?P<kind>[A-Za-z]{2,40}(?:\.[a-z0-9.]{1,100})?)/(?P<name>[a-z0-9][\w.-]{0,252})"
    r"\s+(?P<message>\S.*)$"
)
_USUAL = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
_LONGEST_ROW = 8_192
_NARROWEST = 72
"""How wide a line is at least that a terminal broke."""

_WHOLE = lazy_pattern(r"\sError: (?:Err|Image|Create|Run|Invalid)[A-Za-z]{3,40}$")
_PROMPT = lazy_pattern(r"\[?[\w.-]{1,64}@[\w.-]{1,64}[: ][^$#]{0,200}[$#](?:\s|$)|[$#%❯➜](?:\s|$)|PS [A-Z]:\\")
_FENCE = ("```", "~~~", "</")
_QUOTED = lazy_pattern(r"^(?:(?:> ?)+|\d{4}-\d\d-\d\dT[\d:]{8}\.\d{7}Z |\s*[│┃|]\s+(?=(?:Normal|Warning)\s))")
"""What stands before a line that is quoted, that a job of GitHub's printed, or that stood in a frame."""
_CELLS = lazy_pattern(r"\t+| {2,}|\s+\|\s+")
_REASON_CELL = lazy_pattern(r"[A-Z][a-z]+[A-Za-z]{2,40}")
_FEWEST_CELLS = 3
_COUNT = lazy_pattern(r"[1-9]\d{0,8}")
_OWN_NAME = lazy_pattern(r"\.[0-9a-f]{12,20}$")
"""What the name of an event has behind that of its object."""
_AGE = lazy_pattern(r"(?P<last>[\dywdhms]{2,20})(?: \(x(?P<times>\d{1,9}) over (?P<first>[\dywdhms]{2,20})\))?")
_PARTS = lazy_pattern(r"(\d{1,9})([ywdhms])")
_SECONDS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_OLDEST_S = 20 * 31_536_000
"""Older than any cluster: an age beyond it is a misprint."""

_NAMED = lazy_pattern(
    r"(?:in|of) pod (?P<name>[a-z0-9][\w.-]{0,252})_"
    r"|(?:Successfully assigned|Marking for deletion Pod) "
    r"(?P<namespace>[\w.-]{1,63})/(?P<other>[a-z0-9][\w.-]{0,252})(?: to |$)"
)


_NODE_STATUS = lazy_pattern(r"Node \S{1,253} status is now: ")
_NAMED_DEPLOYMENT = lazy_pattern(
    r"[Dd]eployment \"(?:(?P<namespace>[\w.-]{1,63})/)?(?P<name>[a-z0-9][\w.-]{0,252})(?P<other>)\""
)
_PART = lazy_pattern(r"(?P<path>spec\.\w{1,40}\{[\w.-]{1,63}\}): (?P<message>.*)", re.DOTALL)
"""Before the message kubectl 1.36 says which container an event is about."""


_ESCAPED = lazy_pattern(r"\\{1,15}\"")


class Told(msgspec.Struct, frozen=True):
    """One event; ages in seconds before the text was printed, `precision_s` how exact they are."""

    type: str
    reason: str
    message: str
    source: str = ""
    times: int = 1
    last_s: int | None = None
    first_s: int | None = None
    precision_s: int = 1
    about: dict[str, str] = field(default_factory=dict)


def unescaped(text: str) -> str:
    """A text whose quotation marks were escaped, be it several times, by those that quoted it."""
    return _ESCAPED.sub('"', text) if '\\"' in text else text


def of_some_pod(kind: str, reason: str, message: str, source: str) -> Told:
    """An event about a pod that nobody named."""
    return Told(kind, reason, message, source, about={"kind": "Pod", "name": ""})


def told_events(text: str) -> Iterator[Told]:
    """The events below a described object; a message of several lines goes on below its row."""
    lines = text.splitlines()
    after = next((index for index, line in enumerate(lines, 1) if _EVENTS.fullmatch(line)), len(lines))
    yield from list(_rows(iter(lines[after:]))) or _of_cells(lines[after:])


def loose_events(text: str) -> Iterator[Told]:
    """The rows of events in a text that describes nothing: what somebody copied out of a description or a table."""
    lines = list(_rejoined(_QUOTED.sub("", line).replace("**", "") for line in text.splitlines()))
    listed = [_listed(match) for line in lines if (match := _LOOSE.match(line.strip())) is not None]
    yield from listed or list(_rows(iter(lines))) or _of_cells(lines)


def has_loose_events(head: str) -> bool:
    """Whether a text has a row of events of its own, without what they are about or without a header."""
    lines = [_QUOTED.sub("", line) for line in head.splitlines()]
    rows = any(_ROW.match(line.strip()) or _LOOSE.match(line.strip()) for line in lines)
    return rows or next(_of_cells(lines), None) is not None


def _rejoined(lines: Iterable[str]) -> Iterator[str]:
    """The lines, those that go on below a listed event put behind it: a terminal broke it at its own width."""
    row, width = "", 0
    for line in lines:
        if row and width >= _NARROWEST and line.strip() and _goes_on(row, line.strip()):
            row, width = f"{row.rstrip()} {line.strip()}"[:_LONGEST_ROW], len(line)
            continue
        if row:
            yield row
        row, width = (line, len(line)) if _LOOSE.match(line.strip()) else ("", 0)
        if not row:
            yield line
    if row:
        yield row


def _goes_on(row: str, line: str) -> bool:
    other = EVENT_TABLE.match(line) or _LOOSE.match(line) or _ROW.match(line) or _PROMPT.match(line)
    return other is None and _WHOLE.search(row) is None and not line.startswith(_FENCE)


def _rows(lines: Iterator[str]) -> Iterator[Told]:
    """The rows with the lines that go on below them: what stands behind a gap, or a fence, is about something else."""
    rows: list[str] = []
    goes_on = False
    for line in map(str.strip, lines):
        if _ROW.match(line):
            rows.append(line)
            goes_on = _WHOLE.search(line) is None
        elif not line or line.startswith(_FENCE) or _PROMPT.match(line):
            goes_on = False
        elif goes_on:
            rows[-1] = f"{rows[-1]} {line}"[:_LONGEST_ROW]
    yield from (_told(match) for row in rows if (match := _ROW.match(row)) is not None)


def _of_cells(lines: Iterable[str]) -> Iterator[Told]:
    """Rows without an age, or with their columns in another order, as dashboards and other clients print them."""
    for line in _joined(lines):
        cells = [cell.strip() for cell in _CELLS.split(line.strip(" \t>|*-"))]
        kind = next((index for index, cell in enumerate(cells[:6]) if cell in ("Normal", "Warning")), None)
        if kind is None or len(cells) < kind + _FEWEST_CELLS or not _REASON_CELL.fullmatch(cells[kind + 1]):
            continue
        rest = cells[kind + 2 :]
        message = max(rest, key=len)
        source = next((cell.partition(",")[0] for cell in rest if cell is not message and _SOURCE.match(cell)), "")
        ages = [age for cell in cells[:kind] if (age := seconds(cell)) is not None]
        times = max((int(cell) for cell in cells[:kind] if _COUNT.fullmatch(cell)), default=1)
        last, first = min(ages, default=None), max(ages, default=None)
        yield Told(cells[kind], cells[kind + 1], message, source, times=times, last_s=last, first_s=first)


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Lines, with what is indented below a row, and the line after a colon, as a part of that row."""
    row, depth = "", 0
    for line in lines:
        text = line.strip()
        inner = len(line) - len(line.lstrip())
        if row and text and (row.endswith(":") or inner > depth) and not _KIND_CELL.match(text):
            row = f"{row} {text}"[:_LONGEST_ROW]
            depth = min(depth, inner)
            continue
        if row:
            yield row
        row, depth = line.rstrip(), inner if _KIND_CELL.match(text) else _LONGEST_ROW
    if row:
        yield row


_KIND_CELL = lazy_pattern(r"(?:Normal|Warning)\s")
_SOURCE = lazy_pattern(r"kubelet\b|karpenter\b|[a-z0-9.-]{1,60}-(?:controller|scheduler|autoscaler|operator)\b")


def _told(match: re.Match[str]) -> Told:
    message = (match["message"] or "").strip(" \t│┃")
    part = _PART.fullmatch(message)
    return Told(
        type=match["type"],
        reason=match["reason"],
        message=part["message"] if part else message,
        source=(match["source"] or match["known"] or "").partition(",")[0],
        times=int(match["times"] or 1),
        last_s=seconds(match["age"]),
        first_s=seconds(match["over"] or match["age"]),
        precision_s=_precision_s(match["age"]),
        about={"fieldPath": part["path"]} if part else {},
    )


def _listed(match: re.Match[str]) -> Told:
    kind, age = match["kind"], match["age"].removesuffix(" ago")
    return Told(
        type=match["type"],
        reason=match["reason"],
        message=match["message"].strip(),
        times=int(match["times"] or 1),
        last_s=seconds(age),
        first_s=seconds(match["over"] or age),
        precision_s=_precision_s(age),
        about={"kind": KINDS.get(kind.lower().partition(".")[0], kind), "name": match["name"]},
    )


def about(told: Told) -> dict[str, str]:
    """What an event without an object is about, by its reason and by who says it; a pod unless told otherwise."""
    status = "Node" if _NODE_STATUS.match(told.message) else ""
    by_source = OF_SOURCE.get(told.source, "") if told.reason == "FailedCreate" else ""
    of_reason = by_source or OF_REASON.get(told.reason)
    kind = told.about.get("kind") or status or of_reason or _kind_of_source(told.source)
    named = _NAMED if kind == "Pod" else _NAMED_DEPLOYMENT if kind == "Deployment" else None
    match = named.search(told.message) if named is not None else None
    if match is None:
        return {**told.about, "kind": kind, "name": told.about.get("name", "")}
    namespace = {"namespace": match["namespace"]} if match["namespace"] else {}
    return {**told.about, "kind": kind, "name": match["name"] or match["other"], **namespace}


def _kind_of_source(source: str) -> str:
    """What a component speaks of; cert-manager's controllers have a name for each of their tasks."""
    return "Certificate" if source.startswith("cert-manager-") else OF_SOURCE.get(source, "Pod")


def seconds(age: str) -> int | None:
    """`3m20s` in seconds; None for what is no age."""
    parts = _PARTS.findall(age)
    if not parts or "".join(number + unit for number, unit in parts) != age:
        return None
    return min(sum(int(number) * _SECONDS[unit] for number, unit in parts), _OLDEST_S)


def _precision_s(age: str) -> int:
    parts = _PARTS.findall(age)
    return _SECONDS[parts[-1][1]] if parts else 1


# --- kubectl get events -----------------------------------------------------------------------------------


def read_table(text: str) -> Iterator[Told]:
    """The rows of every table of events in a text, cut where the words of its header begin."""
    columns: list[tuple[str, int]] = []
    for line in _rejoined(text.splitlines()):
        if EVENT_TABLE.match(line):
            columns = [(item[0], item.start()) for item in re.finditer(r"\S+(?: \S+)*", line)]
        elif not line.strip():
            columns = []
        elif columns:
            found = _row(line, columns)
            if found is not None:
                yield found


def _row(line: str, columns: list[tuple[str, int]]) -> Told | None:
    """A row by its words where its columns are the usual ones, since spaces get lost; else by where columns begin."""
    namespaced = columns[0][0] == "NAMESPACE"
    usual = [name for name, _ in columns][namespaced:] == _USUAL
    match = _LOOSE.match(line.strip()) if usual else None
    if match is None:
        return _in_columns(line, columns)
    told = _listed(match)
    return msgspec.structs.replace(told, about={**told.about, "namespace": line.split()[0] if namespaced else ""})


def _in_columns(line: str, columns: list[tuple[str, int]]) -> Told | None:
    ends = [start for _, start in columns[1:]] + [len(line)]
    cells = {
        name.replace("TSEEN", "T SEEN"): line[start:end].strip()
        for (name, start), end in zip(columns, ends, strict=True)
    }
    age = _AGE.match(cells.get("LAST SEEN", ""))
    kind, _, name = cells.get("OBJECT", "").partition("/")
    if not kind and "KIND" in cells:
        kind, name = cells["KIND"], _OWN_NAME.sub("", cells.get("NAME", ""))
    if cells.get("TYPE") not in ("Normal", "Warning") or not (name or "KIND" in cells):
        return None
    about = {
        "kind": KINDS.get(kind.lower().partition(".")[0], kind),
        "name": name,
        "namespace": cells.get("NAMESPACE", ""),
        "fieldPath": cells.get("SUBOBJECT", ""),
    }
    count = cells.get("COUNT", "")
    return Told(
        type=cells["TYPE"],
        reason=cells.get("REASON", ""),
        message=cells.get("MESSAGE", ""),
        source=cells.get("SOURCE", "").partition(",")[0],
        times=int((age["times"] if age else "") or (count if count.isdigit() else 1)),
        last_s=seconds(age["last"]) if age else None,
        first_s=seconds(age["first"] or age["last"]) if age else None,
        precision_s=_precision_s(age["last"]) if age else 1,
        about=about,
    )
