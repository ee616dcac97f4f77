"""vLLM's own log lines, recorded from real starts, with the values that differ left open as `<<name>>`.

`data/logs/<dialect>/start.txt` holds the phases of a start, each headed by `== phase`; the other files hold the end
of a start that fails. A dialect without a text of its own uses the next newer one that has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path

_LOGS = Path(__file__).parent.parent / "data" / "logs"
_FALLBACKS = {"0.32": ("0.32", "0.25"), "0.25": ("0.25",), "0.12": ("0.12", "0.25"), "0.8": ("0.8", "0.12", "0.25")}
_UNSIGNED = ("0.8",)
"""Dialects whose lines do not tell which process wrote them."""
_OPEN = re.compile(r"<<(\w+)>>")


@cache
def phases(dialect: str) -> Mapping[str, tuple[str, ...]]:
    """The lines of a start by phase."""
    found: dict[str, list[str]] = {}
    for line in _read(dialect, "start").splitlines():
        if line.startswith("== "):
            found[line[3:]] = []
        else:
            found[next(reversed(found))].append(line)
    return {phase: tuple(lines) for phase, lines in found.items()}


@cache
def ending(dialect: str, name: str) -> tuple[str, ...]:
    """The lines with which a start fails, or a server stops."""
    return tuple(_read(dialect, name).splitlines())


def fill(line: str, values: Mapping[str, object]) -> str:
    """`line` with its open values filled in."""
    return _OPEN.sub(lambda match: str(values[match[1]]), line)


def stamp(at: float) -> str:
    """A time as vLLM's log lines carry it."""
    return _stamp_of(int(at))


@lru_cache(4096)
def _stamp_of(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%m-%d %H:%M:%S")


def _read(dialect: str, name: str) -> str:
    for folder in _FALLBACKS[dialect]:
        path = _LOGS / folder / f"{name}.txt"
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            return text.replace("(APIServer pid=1) ", "") if dialect in _UNSIGNED else text
    raise FileNotFoundError(f"no recorded text {name!r} for vLLM {dialect}")
