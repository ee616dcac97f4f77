"""A diagnosis: what is wrong, the evidence, and the fix that `f` plans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.diagnosis.findings import Report
from vops.errors import VopsError
from vops.model.objects import Ref
from vops.render.headline import subject_title
from vops.render.report import report_lines
from vops.render.text import Line
from vops.tui.diagnosed import look
from vops.tui.messages import FixAsked, LogsAsked, ReplicaAsked
from vops.tui.screens.base import BACK, SubjectScreen, error_lines, titled
from vops.tui.widgets.lines import Lines


class DiagnosisScreen(SubjectScreen):
    """Looks when it opens, and again on `r`."""

    crumb = "diagnosis"
    CSS_PATH = "diagnosis.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "fix", "Fix", id="diagnosis.fix"),
        Binding("r", "look", "Look again", id="diagnosis.look"),
        Binding("enter", "open", "Replica", id="diagnosis.open"),
        Binding("l", "logs", "Logs", id="diagnosis.logs"),
        Binding("y", "copy", "Copy the command", show=False, id="diagnosis.copy"),
        BACK,
    ]

    def __init__(self, ref: Ref) -> None:
        super().__init__(ref)
        self._report: Report | None = None

    def body(self) -> Iterable[Widget]:
        yield Lines(widget_id="report")

    def heading(self) -> Line:
        return subject_title("diagnosis", self.ref)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Lines).focus()
        self.action_look()

    def action_look(self) -> None:
        titled(self.query_one(Lines), "Findings", "reading objects, events, logs and metrics…")
        self._look()

    @work(exclusive=True, exit_on_error=False, group="look")
    async def _look(self) -> None:
        try:
            found, remark = await look(self.ops, self.ref)
        except VopsError as error:
            self._show([*error_lines(error)], "could not look")
            return
        self._report = found.report
        self._show(report_lines(found.report), remark)

    def _show(self, lines: list[Line], subtitle: str) -> None:
        count = len(self._report.findings) if self._report else 0
        titled(self.query_one(Lines), f"Findings {count}", subtitle)
        self.query_one(Lines).show(lines)

    def action_fix(self) -> None:
        subject = self._report.subject if self._report else self.ref
        self.post_message(FixAsked(subject))

    def action_open(self) -> None:
        if self.ref.kind == "Pod":
            self.post_message(ReplicaAsked(self.ref))

    def action_logs(self) -> None:
        if self.ref.kind == "Pod":
            self.post_message(LogsAsked(self.ref))

    def action_copy(self) -> None:
        """The command that plans the first fix goes to the clipboard."""
        commands = [fix.command for finding in self._report.findings for fix in finding.fixes] if self._report else []
        if commands and commands[0]:
            self.app.copy_to_clipboard(commands[0])
            self.ops.tell(f"copied: {commands[0]}")
