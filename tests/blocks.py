"""Texts of tests/data that stand in one file, each beneath a line that begins with `=== `."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """What the line above a text says beside its sign, and the text."""
    for block in re.split(r"^=== ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        head, _, text = block.partition("\n")
        yield head, text
