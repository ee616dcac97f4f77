"""What `vops` without a command does, whoever has read its command line."""

from __future__ import annotations

import sys

from vops.cli.listing import show
from vops.cli.options import Globals


def start(options: Globals) -> None:
    """The TUI on a terminal; elsewhere the fleet, once, since there is no screen to draw on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        show(options)
        return
    from vops.cli.running import settings_of
    from vops.tui.app import run_tui

    run_tui(settings_of(options))
