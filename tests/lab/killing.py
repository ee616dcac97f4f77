"""Runs that are killed after one write each, and gone on with: the same test for whatever makes something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import Person, session_on
from tests.lab.test_fix_five import carried_out
from tests.lab.test_resume_undo import KilledError, kill_after, only_run, resumed
from vops.lab.clock import LabClock
from vops.lab.world import Lab
from vops.operations.running.journal import read_journal
from vops.operations.running.run import RunResult
from vops.operations.session import Session
from vops.planning.plan import Plan

Planned = Callable[[Session], Awaitable[Plan]]


async def killed_after_each_write(
    start_lab: StartLab, folder: Path, monkeypatch: pytest.MonkeyPatch, planned: Planned, *, later: int = 0
) -> AsyncIterator[tuple[Lab, RunResult]]:
    """A lab for each write of the plan, with how the run that was killed there has ended once it was gone on with.

    With `later` one more run is killed so many lines after the last write.
    """
    lab = await start_lab("healthy")
    async with session_on(lab, folder / "whole") as session:
        result = await carried_out(session, await planned(session), Person())
    writes = [number for number, item in enumerate(read_journal(Path(result.journal)), 1) if item.type == "write"]
    for line in [*writes, *([writes[-1] + later] if later else [])]:
        lab, state = await start_lab("healthy", clock=LabClock()), folder / str(line)
        async with session_on(lab, state) as session:
            plan = await planned(session)
            with monkeypatch.context() as patched:
                kill_after(lab, patched, line)
                with pytest.raises(KilledError):
                    await carried_out(session, plan, Person())
        lab.server.trouble.clear()
        async with session_on(lab, state) as session:
            yield lab, await resumed(session, only_run(state))
        await lab.stop()
