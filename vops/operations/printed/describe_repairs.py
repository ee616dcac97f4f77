"""Descriptions and events as they were before a terminal broke their lines, or a page lost what they were moved in by.

A terminal breaks at its own width, anywhere in a word: what was broken has as many characters as the widest line, and
is put together again without a space. Only rows of events are: in other tables all lines may be as long as each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.model.patterns import lazy_pattern

_ROW_TEXT = (
    r"[ \t]*(?:[a-z0-9-]{1,63}\s+)?(?:[\dywdhms]{2,20}(?: \(x\d{1,9} over [\dywdhms]{2,20}\))?\s+)?"
    r"(?:Normal|Warning)\s+[A-Z][\w./-]{1,100}\b"
)
_ROW = lazy_pattern(_ROW_TEXT)
_ROWS = lazy_pattern(rf"^{_ROW_TEXT}", re.MULTILINE)
_OWN_LINE = lazy_pattern(r"\s*(?:[A-Z][\w ()/-]{1,40}:(?:\s{2,}|$)|[$#%❯➜](?:\s|$)|```|~~~|</|NAME(?:SPACE)? )")
_NARROWEST, _WIDEST = 60, 260
_USUAL_WIDTHS = frozenset({80, 100, 110, 120, 130, 132, 140, 150, 160, 180, 200})
_TWO = 2
_KIND = lazy_pattern(
    r"^((?:[a-z0-9-]{1,63} +)?)((?:pod|service|deployment\.apps|replicaset\.apps|statefulset\.apps"
    r"|daemonset\.apps|job\.batch"
    r"|persistentvolumeclaim|node|horizontalpodautoscaler\.autoscaling|scaledobject\.keda\.sh|nodeclaim\.karpenter\.sh"
    r"|nodepool\.karpenter\.sh|endpoints|resourceclaim\.resource\.k8s\.io)/)([a-z0-9][a-z0-9.-]{0,252} *(?= ))",
    re.MULTILINE,
)

_FLAT = lazy_pattern(
    r"^(?:Init )?Containers:[ \t]*\n[a-z0-9][a-z0-9.-]{0,62}:[ \t]*\n(?:Container ID|Image):", re.MULTILINE
)
_NAMED = lazy_pattern(r"[a-z0-9][a-z0-9.-]{0,62}:\s*$")
_KEY = lazy_pattern(r"([A-Z][\w ()-]{0,40}?):(?:\s|$)")
_SECTIONS = frozenset({"Containers", "Init Containers", "Ephemeral Containers"})
_TOP = frozenset(
    {
        "Name",
        "Namespace",
        "Priority",
        "Priority Class Name",
        "Runtime Class Name",
        "Service Account",
        "Node",
        "Start Time",
        "Labels",
        "Annotations",
        "Status",
        "IP",
        "IPs",
        "NominatedNodeName",
        "Controlled By",
        "Conditions",
        "Volumes",
        "QoS Class",
        "Node-Selectors",
        "Tolerations",
        "Topology Spread Constraints",
        "Events",
        *_SECTIONS,
    }
)
_OF_A_CONTAINER = frozenset(
    {
        "Container ID",
        "Image",
        "Image ID",
        "Port",
        "Ports",
        "Host Port",
        "Host Ports",
        "SeccompProfile",
        "Command",
        "Args",
        "State",
        "Last State",
        "Ready",
        "Restart Count",
        "Limits",
        "Requests",
        "Liveness",
        "Readiness",
        "Startup",
        "Environment Variables from",
        "Environment",
        "Mounts",
        "Devices",
    }
)


def repaired(text: str) -> str:
    """The text with its rows of events whole and its containers moved in; as it is where nothing was lost."""
    return _without_kinds(_moved_in(_unbroken(_without_marks(text))))


_MARK = lazy_pattern(r"(?<=\S)[ \t]{1,80}(?:<[-=]{2,40}|\u2190)(?:[ \t][^\n]{0,60})?$", re.MULTILINE)
"""An arrow to a line, and what somebody says of it (`nvidia.com/gpu: 7  <=== here`); no program writes it."""


_QUOTED = lazy_pattern(r"^[\"'\u201c](?=Name: {2,}\S)", re.MULTILINE)
"""The quotation mark that somebody put before a description."""


def _without_marks(text: str) -> str:
    text = _QUOTED.sub("", text)
    return _MARK.sub("", text) if _MARK.search(text) is not None else text


def _without_kinds(text: str) -> str:
    """Tables as for one kind, of which `kubectl get all` puts the kind before each name; columns stay in place."""
    return _KIND.sub(lambda match: f"{match[1]}{match[3]}{' ' * (len(match[2]))}", text) if "/" in text else text


def _unbroken(text: str) -> str:
    if _ROWS.search(text) is None:
        return text
    lines = text.splitlines()
    width = max(map(len, lines))
    full = sum(len(line) == width for line in lines)
    if not _NARROWEST <= width <= _WIDEST or (full < _TWO and width not in _USUAL_WIDTHS):
        return text
    return "\n".join(_whole(lines, width)) + "\n"


def _whole(lines: list[str], width: int) -> Iterator[str]:
    row, last = "", 0
    for line in lines:
        if row and last == width and _goes_on(line):
            row, last = row + line, len(line)
            continue
        if row:
            yield row
        row, last = (line, len(line)) if _ROW.match(line) else ("", 0)
        if not row:
            yield line
    if row:
        yield row


def _goes_on(line: str) -> bool:
    return bool(line.strip()) and not _ROW.match(line) and not _OWN_LINE.match(line)


def _moved_in(text: str) -> str:
    """A described pod whose lines all stand at the left, by what kubectl prints below what."""
    if _FLAT.search(text) is None or any(line[:1].isspace() for line in text.splitlines() if line.strip()):
        return text
    return "\n".join(_placed(text.splitlines())) + "\n"


def _placed(lines: list[str]) -> Iterator[str]:
    section, inner = "", ""
    for line in lines:
        match = _KEY.match(line)
        key = match[1] if match is not None else ""
        if key in _TOP and not (section in _SECTIONS and inner and key in _OF_A_CONTAINER):
            section, inner = key, ""
            yield line
        elif section in _SECTIONS:
            depth, inner = _in_a_container(line, key, inner)
            yield " " * depth + line
        elif section == "Volumes":
            yield ("  " if _NAMED.match(line) else "    ") + line
        else:
            yield line if section in ("", "Status", "Controlled By") else f"  {line}"


def _in_a_container(line: str, key: str, inner: str) -> tuple[int, str]:
    """How far a line is moved in, and below which key what follows stands."""
    if key in _OF_A_CONTAINER:
        return 4, key
    if _NAMED.match(line) and inner not in ("Command", "Args"):
        return 2, ""
    return 6, inner
