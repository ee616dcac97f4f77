"""Everything that goes to stdout: data, in the format that was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from vops.errors import InputError, UsageError
from vops.render.text import Line, Tone, plain

_ANSI = {
    Tone.STRONG: "1",
    Tone.DIM: "2",
    Tone.GOOD: "32",
    Tone.WARN: "33",
    Tone.BAD: "31",
    Tone.ACCENT: "36",
    Tone.ADDED: "32",
    Tone.REMOVED: "31",
}


def colour_wanted(*, no_color: bool) -> bool:
    """Colour only on a terminal that can show it, and only if nobody objects (NO_COLOR, --no-color)."""
    return sys.stdout.isatty() and not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def emit(text: str | bytes) -> None:
    """Writes `text` to stdout, ending the last line."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    sys.stdout.flush()
    sys.stdout.buffer.write(data if data.endswith(b"\n") else data + b"\n")
    sys.stdout.buffer.flush()


def emit_lines(lines: Iterable[Line], *, no_color: bool = False) -> None:
    """Writes styled lines, coloured where that is wanted."""
    if not colour_wanted(no_color=no_color):
        emit(plain(lines))
        return
    emit("\n".join(_ansi(line).rstrip() for line in lines))


def _ansi(line: Line) -> str:
    return "".join(f"\x1b[{_ANSI[span.tone]}m{span.text}\x1b[0m" if span.tone in _ANSI else span.text for span in line)


def chosen(output: str, allowed: tuple[str, ...]) -> str:
    """The output format: the first allowed one by default. Raises UsageError naming the allowed ones."""
    if not output:
        return allowed[0]
    if output not in allowed:
        raise UsageError(f"output format {output!r} is not known here", hint=f"use -o {'|'.join(allowed)}")
    return output


def write_file(path: Path, data: bytes, option: str, *, private: bool = False) -> None:
    """Writes a file that the user asked for with `option`, whole or not at all; a `private` one for its owner only.

    Raises InputError naming both.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # such as /dev/stdout
            return
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.touch(0o600 if private else 0o666)
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", path=str(path), hint=f"choose another {option}"
        ) from error
