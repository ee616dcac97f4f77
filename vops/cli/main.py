"""The console script: plain command lines at once, all others through Typer."""

from __future__ import annotations

import os
import sys

from vops.cli.diagnostics import ending
from vops.cli.plain import read


def main() -> None:
    """Ends the process."""
    call = read(sys.argv[1:], os.environ)
    if call is not None:
        ending(call.run)
    from vops.cli.app import main as through_typer

    through_typer()
