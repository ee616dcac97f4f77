"""How paths and errors are worded in what operations report: in one line that is safe to show."""

from __future__ import annotations

import os
from pathlib import Path

from vops.errors import VopsError
from vops.model.text import one_line


def printable(path: Path) -> str:
    """A path as text, whatever bytes its name has."""
    return one_line(os.fsencode(path).decode("utf-8", "replace"))


def failure_words(error: VopsError) -> str:
    """What happened, and in brackets what to do."""
    return one_line(f"{error.message} ({error.hint})" if error.hint else error.message)
