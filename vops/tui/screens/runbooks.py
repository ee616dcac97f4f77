"""The runbooks that vops finds; enter asks for parameters and shows the plan."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from vops.model.objects import Ref
from vops.operations.runbook_list import runbook_rows
from vops.render.runbooks_table import RUNBOOK_COLUMNS, RunbookRow, runbook_line
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.screens.listing import LIST_KEYS, ListScreen
from vops.tui.screens.runbook import RunbookScreen


class RunbooksScreen(ListScreen[RunbookRow], inherit_bindings=False):
    """Reads the files when it opens. `about` is what was under the cursor before: it fills in what it can."""

    crumb = "runbooks"
    noun = "Runbooks"
    columns = RUNBOOK_COLUMNS
    first_sort = "name"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Plan…", id="runbooks.open", tooltip="Fill in its parameters and see the plan"),
        *LIST_KEYS,
    ]

    def __init__(self, typed: str = "") -> None:
        super().__init__(typed)
        self._found: list[RunbookRow] | None = None
        self._about: Ref | None = None

    def on_mount(self) -> None:
        below = [screen for screen in self.ops.way if screen is not self]
        self._about = below[-1].subject if below else None
        super().on_mount()
        self._read()

    @work(exclusive=True, exit_on_error=False, group="read")
    async def _read(self) -> None:
        self._found = await asyncio.to_thread(runbook_rows)
        self.again()

    def rows(self, picture: Picture) -> Sequence[RunbookRow]:
        return self._found or ()

    def nothing(self, picture: Picture) -> Line:
        return (Span("reading…", Tone.ACCENT),) if self._found is None else (Span("no runbooks", Tone.STRONG),)

    def told(self, row: RunbookRow) -> Line:
        return runbook_line(row)

    def action_open(self) -> None:
        row = self.table.current
        if row is None:
            return
        if row.fault:
            self.ops.tell(row.fault, severity="warning")
        else:
            self.app.push_screen(RunbookScreen(row.name, self._about))
