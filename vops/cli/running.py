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
    """Runs `work` to its end. SIGTERM cancels it, so that what is open is closed, and exits 143."""
    terminated = False

    async def watched() -> T:
        nonlocal terminated
        task = asyncio.ensure_future(work)

        def stop() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        return await task

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        sys.exit(ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED)
