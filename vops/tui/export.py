"""What is on the screen, written down to be handed over: Markdown to paste, SVG to look at, JSON to work with.

Secrets in plain sight are masked in all three; what came from the cluster was scrubbed when it came in.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from vops.model.secrets import mask
from vops.render.fleet import view_document
from vops.render.fleet_rows import FleetView
from vops.render.text import Line, plain

_TEXT = re.compile(r"(<text[^>]*>)([^<]*)(</text>)")


def markdown(title: str, context: str, at: datetime, screen: Sequence[str], notes: Sequence[Line]) -> str:
    """The screen as text under a heading, with what else there is to say about it."""
    fence = "`" * max(3, 1 + max((len(run) for row in screen for run in re.findall("`+", row)), default=0))
    told = [f"- {text}" for text in plain(notes).splitlines() if text.strip()]
    head = [f"# {title}", "", f"{context} at {at:%Y-%m-%d %H:%M:%S} UTC", ""]
    return str(mask("\n".join([*head, *told, "", fence, *(row.rstrip() for row in screen), fence, ""])))


def masked_svg(svg: str) -> str:
    """A picture of the screen without secrets in plain sight; spaces are kept by every renderer."""

    def masked(match: re.Match[str]) -> str:
        return match[1] + html.escape(str(mask(html.unescape(match[2])))) + match[3]

    return _TEXT.sub(masked, svg).replace("<text ", '<text xml:space="preserve" ')


def document(screen: str, view: FleetView, shown: Sequence[Any]) -> bytes:
    """The rows of the screen, and the fleet that they belong to."""
    rows = [msgspec.to_builtins(row) for row in shown]
    content = {"schema": "vops.screen/v1", "screen": screen, "rows": rows, "fleet": view_document(view)}
    return msgspec.json.format(msgspec.json.encode(mask(content)), indent=2)


def write_bundle(folder: Path, files: dict[str, bytes]) -> None:
    """Writes the files into a new folder for its owner only. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True)
    for name, data in files.items():
        path = folder / name
        path.touch(0o600)
        path.write_bytes(data)
