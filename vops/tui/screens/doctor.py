"""Doctor: whether vops can reach, see and change what it needs, and the role that grants what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.errors import VopsError
from vops.operations.doctor import examine_session
from vops.render.doctor import doctor_lines
from vops.render.text import Line, Span, Tone, plain
from vops.tui.screens.base import BACK, OpsScreen, error_lines, titled
from vops.tui.widgets.lines import Lines


class DoctorScreen(OpsScreen):
    """Examines when it opens, and again on `r`; it works as well where the connection does not."""

    crumb = "doctor"
    CSS_PATH = "page.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look", "Examine again", id="doctor.look"),
        Binding("y", "copy", "Copy", id="doctor.copy", tooltip="Copy all of it, with the role"),
        BACK,
    ]

    def __init__(self) -> None:
        super().__init__()
        self._told: list[Line] = []

    def body(self) -> Iterable[Widget]:
        yield Lines(widget_id="page")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#page").focus()
        self.action_look()

    def action_look(self) -> None:
        titled(self.query_one("#page"), "Doctor", "examining: reach, permissions, sources…")
        self._look()

    @work(exclusive=True, exit_on_error=False, group="look")
    async def _look(self) -> None:
        session = self.ops.session
        if session is None:
            failure = self.ops.failure
            self._show(error_lines(failure) if failure else [(Span("not connected yet: r asks again", Tone.WARN),)])
            return
        try:
            self._show(doctor_lines(await examine_session(session)))
        except VopsError as error:
            self._show(error_lines(error))

    def _show(self, lines: list[Line]) -> None:
        self._told = lines
        titled(self.query_one("#page"), "Doctor")
        self.query_one("#page", Lines).show(lines)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(plain(self._told))
        self.ops.tell("copied")
