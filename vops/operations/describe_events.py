"""Events as kubectl prints them: below a described object, or as the table of `kubectl get events`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from msgspec import field

from vops.model.patterns import lazy_pattern

EVENT_TABLE = lazy_pattern(
    r"^(?:NAMESPACE +)?LAST SEEN +(?:FIRST SEEN +COUNT +)?(?:TYPE +REASON|COUNT)\b.*$", re.MULTILINE
)
_EVENTS = lazy_pattern(r"\s{0,12}Events:\s*")
_ROW = lazy_pattern(
    r"(?P<type>Normal|Warning)\s+(?P<reason>[\w-]{1,100})\s+(?P<age><unknown>|<invalid>|[\dywdhms]{2,20})"
    r"(?: \(x(?P<times>\d{1,9}) over (?P<over>[\dywdhms]{2,20})\))?\s+(?P<source>\S{1,253}(?:, \S{1,253})?)\s{1,}"
    r"(?P<message>\S.*)?$"
)
_AGE = lazy_pattern(r"(?P<last>[\dywdhms]{2,20})(?: \(x(?P<times>\d{1,9}) over (?P<first>[\dywdhms]{2,20})\))?")
_PARTS = lazy_pattern(r"(\d{1,9})([ywdhms])")
_SECONDS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_KINDS = {
    "pod": "Pod",
    "node": "Node",
    "deployment": "Deployment",
    "replicaset": "ReplicaSet",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "persistentvolumeclaim": "PersistentVolumeClaim",
    "horizontalpodautoscaler": "HorizontalPodAutoscaler",
    "scaledobject": "ScaledObject",
    "nodeclaim": "NodeClaim",
    "nodepool": "NodePool",
    "configmap": "ConfigMap",
}


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


def told_events(text: str) -> Iterator[Told]:
    """The events below a described object; a message of several lines goes on below its row."""
    rows: list[str] = []
    lines = iter(text.splitlines())
    if not any(_EVENTS.fullmatch(line) for line in lines):
        return
    for line in lines:
        if _ROW.match(line.strip()):
            rows.append(line.strip())
        elif rows and line.strip():
            rows[-1] += f" {line.strip()}"
    yield from (_told(match) for row in rows if (match := _ROW.match(row)) is not None)


def _told(match: re.Match[str]) -> Told:
    return Told(
        type=match["type"],
        reason=match["reason"],
        message=(match["message"] or "").strip(),
        source=match["source"].partition(",")[0],
        times=int(match["times"] or 1),
        last_s=seconds(match["age"]),
        first_s=seconds(match["over"] or match["age"]),
        precision_s=_precision_s(match["age"]),
    )


def seconds(age: str) -> int | None:
    """`3m20s` in seconds; None for what is no age."""
    parts = _PARTS.findall(age)
    if not parts or "".join(number + unit for number, unit in parts) != age:
        return None
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def _precision_s(age: str) -> int:
    parts = _PARTS.findall(age)
    return _SECONDS[parts[-1][1]] if parts else 1


# --- kubectl get events -----------------------------------------------------------------------------------


def read_table(text: str) -> Iterator[Told]:
    """The rows of every table of events in a text, cut where the words of its header begin."""
    columns: list[tuple[str, int]] = []
    for line in text.splitlines():
        if EVENT_TABLE.match(line):
            columns = [(item[0], item.start()) for item in re.finditer(r"\S+(?: \S+)*", line)]
        elif not line.strip():
            columns = []
        elif columns:
            found = _row(line, columns)
            if found is not None:
                yield found


def _row(line: str, columns: list[tuple[str, int]]) -> Told | None:
    ends = [start for _, start in columns[1:]] + [len(line)]
    cells = {name: line[start:end].strip() for (name, start), end in zip(columns, ends, strict=True)}
    age = _AGE.match(cells.get("LAST SEEN", ""))
    kind, _, name = cells.get("OBJECT", "").partition("/")
    if cells.get("TYPE") not in ("Normal", "Warning") or not name:
        return None
    about = {
        "kind": _KINDS.get(kind.lower().partition(".")[0], kind),
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
