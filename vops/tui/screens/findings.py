"""The inbox: every finding on everything that serves or should, the worst first; enter shows one whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from vops.model.objects import Ref
from vops.operations.session import Session
from vops.render import units
from vops.render.findings_table import FINDING_COLUMNS, FindingRow, finding_line, finding_rows
from vops.render.text import Line, Span, Tone
from vops.tui.examine import examine_all
from vops.tui.feed import Picture
from vops.tui.messages import DiagnosisAsked, FixAsked, LogsAsked
from vops.tui.screens.looking import LOOKING_KEYS, LookingScreen


class FindingsScreen(LookingScreen[FindingRow], inherit_bindings=False):
    """Looks at everything closely when it opens, every minute, and on `r`: a picture has no logs to go by."""

    crumb = "findings"
    noun = "Findings"
    columns = FINDING_COLUMNS
    first_sort = "severity"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="findings.open", tooltip="The diagnosis with its evidence"),
        Binding("f", "fix", "Fix", id="findings.fix"),
        Binding("l", "logs", "Logs", id="findings.logs"),
        Binding("r", "look", "Again", id="findings.look", tooltip="Look again"),
        *LOOKING_KEYS,
    ]

    def __init__(self, typed: str = "") -> None:
        super().__init__(typed)
        self._found: list[FindingRow] | None = None
        self._looked_at = 0.0

    async def look(self, session: Session) -> None:
        self._found = finding_rows(await examine_all(session, self.ops.namespace))
        self._looked_at = session.clock.monotonic()

    def rows(self, picture: Picture) -> Sequence[FindingRow]:
        place = self.ops.namespace
        return [row for row in self._found or () if not place or row.ref.namespace in ("", place)]

    def note(self, picture: Picture) -> str:
        if self.failed is not None:
            return f"could not look: {self.failed.message}"
        session = self.ops.session
        if self._found is None or session is None:
            return "looking at everything…"
        return f"looked {units.duration(session.clock.monotonic() - self._looked_at)} ago"

    def nothing(self, picture: Picture) -> Line:
        if self.failed is not None:
            hint = (Span(f"  {self.failed.hint}", Tone.DIM),) if self.failed.hint else ()
            return (Span(self.failed.message, Tone.BAD), *hint)
        if self._found is None:
            return (Span("looking at everything: objects, events, logs, metrics…", Tone.ACCENT),)
        return (Span("● nothing is wrong", Tone.GOOD), Span("  as far as can be seen", Tone.DIM))

    def told(self, row: FindingRow) -> Line:
        return finding_line(row)

    def ref_of(self, row: FindingRow) -> Ref:
        return row.ref

    def action_open(self) -> None:
        if (row := self.table.current) is not None:
            self.post_message(DiagnosisAsked(row.ref))

    def action_fix(self) -> None:
        if (row := self.table.current) is not None:
            self.post_message(FixAsked(row.ref, row.finding.cause))

    def action_logs(self) -> None:
        if (row := self.table.current) is not None and row.ref.kind == "Pod":
            self.post_message(LogsAsked(row.ref))

    def action_look(self) -> None:
        self._found = None
        self.again()
        super().action_look()
