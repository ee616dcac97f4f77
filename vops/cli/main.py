"""The console script: plain command lines at once, all others through Typer."""

from __future__ import annotations

import gc
import os
import sys

from vops.cli.diagnostics import ending
from vops.cli.plain import read

COLLECT_AFTER = 100_000
"""Allocations between two searches for garbage: a command that ends makes little, and 700 is for programs that last."""


def main() -> None:
    """Ends the process."""
    call = read(sys.argv[1:], os.environ)
    if call is not None:
        gc.set_threshold(COLLECT_AFTER)
        ending(call.run)
    from vops.cli.app import main as through_typer

    through_typer()
