"""What is wrong with runbooks and what they could do better, as CI systems show it beside the line of the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from vops.errors import InputError, VopsError
from vops.render.lint_ci import workflow_command

_MOST = 10
"""Annotations of a level that GitHub shows for one step of a job."""


class Advice(Protocol):
    """What a runbook could do better, at a line of its file."""

    @property
    def path(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def message(self) -> str: ...


class _Told(NamedTuple):
    level: str
    path: str
    line: int
    message: str


def github_commands(wrong: Iterable[VopsError], found: Iterable[Advice]) -> str:
    """An annotation for each fault and each piece of advice; what GitHub would drop is counted in the last one."""
    told = list(_told(wrong, found))
    lines: list[str] = []
    for level in ("error", "warning"):
        of_level = [item for item in told if item.level == level]
        shown = of_level if len(of_level) <= _MOST else of_level[: _MOST - 1]
        lines += [_command(item) for item in shown]
        if len(shown) < len(of_level):
            more = f"{len(of_level) - len(shown)} more of this kind; run vops runbook lint"
            lines.append(workflow_command(level, [("title", "vops runbook lint")], more))
    return "\n".join(lines)


def codequality(wrong: Iterable[VopsError], found: Iterable[Advice]) -> str:
    """GitLab's code quality report."""
    severity = {"error": "major", "warning": "minor"}
    entries = [
        {
            "description": item.message,
            "check_name": "vops runbook lint",
            "fingerprint": hashlib.sha256(f"{item.path}\0{item.message}".encode()).hexdigest(),
            "severity": severity[item.level],
            "location": {"path": item.path.removeprefix("./"), "lines": {"begin": item.line}},
        }
        for item in _told(wrong, found)
    ]
    return msgspec.json.format(msgspec.json.encode(entries), indent=2).decode()


def _told(wrong: Iterable[VopsError], found: Iterable[Advice]) -> Iterator[_Told]:
    for error in wrong:
        if isinstance(error, InputError):
            line = error.line or 1
            where = error.path if error.line is None else f"{error.path}:{error.line}"
            yield _Told("error", error.path, line, error.message.removeprefix(f"{where}: "))
        else:
            yield _Told("error", "", 1, error.message)
    yield from (_Told("warning", item.path, item.line, item.message) for item in found)


def _command(item: _Told) -> str:
    places: Sequence[tuple[str, object]] = [("file", item.path), ("line", item.line)] if item.path else []
    return workflow_command(item.level, [*places, ("title", "vops runbook lint")], item.message)
