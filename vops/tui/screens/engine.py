"""How one replica was started, and what sizing says of its model, its flags and its card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.diagnosis.facts import Replica
from vops.errors import VopsError
from vops.model.objects import Ref
from vops.render.engine import engine_lines
from vops.render.headline import subject_title
from vops.render.text import Line, Span, Tone
from vops.sizing.answer import Answer
from vops.tui.feed import Picture
from vops.tui.messages import DiagnosisAsked
from vops.tui.screens.base import BACK, SubjectScreen, titled
from vops.tui.widgets.lines import Lines

_ASKING: Line = (Span("asking the Hub for the model's configuration…", Tone.ACCENT),)


class EngineScreen(SubjectScreen):
    """The Hub is asked for the model's configuration once, when the screen opens, and again by `r`."""

    crumb = "engine"
    CSS_PATH = "page.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "diagnose", "Diagnose", id="engine.diagnose"),
        Binding("r", "size", "Size again", id="engine.size"),
        BACK,
    ]

    def __init__(self, ref: Ref) -> None:
        super().__init__(ref)
        self._sized: Answer | None = None
        self._remark: Line = _ASKING
        self._begun = False

    def body(self) -> Iterable[Widget]:
        yield Lines(widget_id="page")

    def heading(self) -> Line:
        return subject_title("engine", self.ref)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#page").focus()

    def repaint(self, picture: Picture) -> None:
        replica = picture.facts.replica(self.ref.namespace, self.ref.name)
        page = self.query_one("#page", Lines)
        if replica is None:
            titled(page, "Engine", "the pod is gone; what is shown is the last of it")
            return
        titled(page, "Engine", "arguments, and what they come to")
        page.show(engine_lines(replica, self._sized, self._remark))
        if not self._begun:
            self._begun = True
            self._ask(replica)

    @work(exclusive=True, exit_on_error=False, group="size")
    async def _ask(self, replica: Replica) -> None:
        from vops.operations.size_replica import size_replica

        session = self.ops.session
        if session is None:
            self._remark = (Span("not sized: that needs a connection", Tone.WARN),)
        else:
            try:
                self._sized = await size_replica(session, replica)
            except VopsError as error:
                said = f"{error.message}{f' · next: {error.hint}' if error.hint else ''}"
                self._remark = (Span(said, Tone.WARN),)
        if self.ops.picture is not None and self.is_drawn:
            self.repaint(self.ops.picture)

    def action_size(self) -> None:
        self._begun, self._sized, self._remark = False, None, _ASKING
        self.ops.tell("sizing it again")
        if self.ops.picture is not None:
            self.repaint(self.ops.picture)

    def action_diagnose(self) -> None:
        self.post_message(DiagnosisAsked(self.ref))
