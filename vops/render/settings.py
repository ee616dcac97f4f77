"""Settings as lines: every setting with its value, and which differ from what is usual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from vops.render.text import Line, Span, Tone, line


def settings_lines(settings: msgspec.Struct) -> list[Line]:
    """A line for each setting; those of nested tables under the name of the table."""
    return list(_lines(settings, ""))


def _lines(settings: msgspec.Struct, table: str) -> Iterator[Line]:
    fields = [
        (item.encode_name, item.default, getattr(settings, item.name)) for item in msgspec.structs.fields(settings)
    ]
    plain = [item for item in fields if not isinstance(item[2], msgspec.Struct)]
    width = max((len(name) for name, _, _ in plain), default=0)
    if table:
        yield ()
        yield line(Span(f"[{table}]", Tone.ACCENT))
    for name, usual, value in plain:
        changed = value != usual and not (usual is msgspec.NODEFAULT and not value)
        yield line(
            Span("● " if changed else "  ", Tone.ACCENT), Span(f"{name:<{width}}  ", Tone.DIM),
            Span(_shown(value), Tone.STRONG if changed else Tone.PLAIN),
        )  # fmt: skip
    for name, _, value in fields:
        if isinstance(value, msgspec.Struct):
            yield from _lines(value, f"{table}.{name}" if table else name)


def _shown(value: Any) -> str:
    if value in ("", (), {}):
        return "–"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
