"""The log of one replica over the whole screen; `p` goes to the previous instance and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.model.resources import Ref
from vops.render.text import Line, Span, Tone
from vops.tui.messages import DiagnosisAsked
from vops.tui.screens.base import BACK, SubjectScreen
from vops.tui.tail import tail_of
from vops.tui.widgets.log import LogPane


class LogsScreen(SubjectScreen):
    """Follows while it is open; stays where the reader scrolled to."""

    crumb = "log"
    CSS_PATH = "logs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "previous", "Previous / current", id="logs.previous"),
        Binding("d", "diagnose", "Diagnose", id="logs.diagnose"),
        BACK,
    ]

    def __init__(self, ref: Ref) -> None:
        super().__init__(ref)
        self._previous = False

    def body(self) -> Iterable[Widget]:
        yield LogPane(widget_id="log")

    def heading(self) -> Line:
        return (Span("log "), Span(f"{self.ref.namespace}/{self.ref.name}", Tone.STRONG))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(LogPane).focus()
        self._tail()

    @work(exclusive=True, exit_on_error=False, group="tail")
    async def _tail(self) -> None:
        await tail_of(self.ops, self.ref, self.query_one(LogPane), previous=self._previous)

    def action_previous(self) -> None:
        self._previous = not self._previous
        self._tail()

    def action_diagnose(self) -> None:
        self.post_message(DiagnosisAsked(self.ref))
