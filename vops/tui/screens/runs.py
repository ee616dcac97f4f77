"""The runs of this machine, the newest first; enter tells one, from its plan to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import events, work
from textual.binding import Binding, BindingType

from vops.operations.running.runs import PastRun, past_runs
from vops.operations.stories import story_of
from vops.render.runs_table import RUN_COLUMNS, RunRow, run_line, run_table_rows
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.screens.listing import ListScreen
from vops.tui.screens.looking import LOOKING_KEYS
from vops.tui.screens.past_run import PastRunScreen, UndoScreen


class RunsScreen(ListScreen[RunRow], inherit_bindings=False):
    """Reads the journals when it opens, when one comes back to it, and on `r`."""

    crumb = "runs"
    noun = "Runs"
    columns = RUN_COLUMNS
    first_sort = "started"
    biggest_first = frozenset({"steps"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Story", id="runs.open", tooltip="Its steps, changes and ending"),
        Binding("u", "undo", "Undo…", id="runs.undo", tooltip="Plan to take back what it has changed"),
        Binding("r", "read", "Read again", id="runs.read"),
        *LOOKING_KEYS,
    ]

    def __init__(self, typed: str = "") -> None:
        super().__init__(typed)
        self._runs: dict[str, PastRun] | None = None
        self._rows: list[RunRow] = []
        self._damaged: list[str] = []

    def on_mount(self) -> None:
        super().on_mount()
        self.action_read()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        self.action_read()

    @work(exclusive=True, exit_on_error=False, group="read")
    async def _read(self) -> None:
        found, self._damaged = await asyncio.to_thread(past_runs, self.ops.settings.state_path)
        self._runs = {run.id: run for run in found}
        self._rows = run_table_rows(map(story_of, found), self.ops.now())
        self.again()

    def rows(self, picture: Picture) -> Sequence[RunRow]:
        return self._rows

    def note(self, picture: Picture) -> str:
        return f"{len(self._damaged)} journals cannot be read: {self._damaged[0]}" if self._damaged else ""

    def nothing(self, picture: Picture) -> Line:
        if self._runs is None:
            return (Span("reading journals…", Tone.ACCENT),)
        return (
            Span("no runs yet", Tone.STRONG),
            Span("  f on a replica plans a fix, :runbooks everything else", Tone.DIM),
        )

    def told(self, row: RunRow) -> Line:
        return run_line(row)

    @property
    def _current(self) -> PastRun | None:
        row = self.table.current
        return self._runs.get(row.run) if row is not None and self._runs else None

    def action_read(self) -> None:
        self._read()

    def action_open(self) -> None:
        if (run := self._current) is not None:
            self.app.push_screen(PastRunScreen(run))

    def action_undo(self) -> None:
        if (run := self._current) is not None:
            self.app.push_screen(UndoScreen(run))
