"""Runs one command's coroutine: settings from everywhere, signals to exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import TypeVar

from vops.cli.diagnostics import ExitCode
from vops.cli.options import Globals, known_scenario
from vops.settings import Settings, load_settings

T = TypeVar("T")


def settings_of(options: Globals) -> Settings:
    """Settings from the file, the environment and the command line. Raises UsageError for an unknown scenario."""
    settings = load_settings(dict(os.environ), options.flags())
    if settings.lab:
        known_scenario(settings.lab)
    return settings


def run(work: Coroutine[object, object, T]) -> T:
    """Runs `work` to its end. SIGTERM and SIGHUP cancel it, so that what is open is closed, and exit 143 and 129."""
    ended = ExitCode.INTERRUPTED

    async def watched() -> T:
        task = asyncio.ensure_future(work)

        def stop(code: ExitCode) -> None:
            nonlocal ended
            ended = code
            task.cancel()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop, ExitCode.TERMINATED)
        loop.add_signal_handler(signal.SIGHUP, stop, ExitCode.HUNG_UP)
        return await task

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        sys.exit(ended)
