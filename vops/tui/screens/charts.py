"""The last hour of one replica: its numbers over one time axis, with marks where something happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.model.configuration import ConfigHistory
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.operations.observation.config_history import config_history
from vops.render.charts import page_lines
from vops.render.headline import subject_title
from vops.render.marks import marks_of
from vops.render.text import Line
from vops.tui.feed import Picture
from vops.tui.messages import DiagnosisAsked, ReplicaAsked
from vops.tui.screens.base import BACK, SubjectScreen, titled
from vops.tui.widgets.lines import Lines

LOOKED = "as far back as this vops has looked"
READ_EVERY_S = 30.0


class ChartsScreen(SubjectScreen):
    """Follows every picture; what was seen before vops was opened is not known to it."""

    crumb = "charts"
    CSS_PATH = "page.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Replica", id="charts.open"),
        Binding("d", "diagnose", "Diagnose", id="charts.diagnose"),
        BACK,
    ]

    def body(self) -> Iterable[Widget]:
        yield Lines(wrap=False, widget_id="page")

    def heading(self) -> Line:
        return subject_title("charts", self.ref)

    def __init__(self, ref: Ref) -> None:
        super().__init__(ref)
        self._history = ConfigHistory()
        self._asked = False

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#page").focus()

    @work(exclusive=True, exit_on_error=False, group="history")
    async def _read(self, pod: Pod) -> None:
        """Reads now and then when the configuration was changed."""
        while (session := self.ops.session) is not None:
            self._history = await config_history(session.cluster, pod)
            if self.ops.picture is not None:
                self.repaint(self.ops.picture)
            await session.clock.sleep(READ_EVERY_S)

    def repaint(self, picture: Picture) -> None:
        page = self.query_one("#page", Lines)
        replica = picture.facts.replica(self.ref.namespace, self.ref.name)
        if replica is None:
            titled(page, "Charts", "the pod is gone; what is shown is the last of it")
            return
        size = page.scrollable_content_region
        titled(page, "Charts", f"{LOOKED} · {self._history.unread[0]}" if self._history.unread else LOOKED)
        if not self._asked:
            self._asked = True
            self._read(replica.pod)
        marks = marks_of(replica, self._history)
        page.show(page_lines(picture.hour(replica.ref.uid), marks, picture.view.at, size.width, size.height))

    def action_open(self) -> None:
        self.post_message(ReplicaAsked(self.ref))

    def action_diagnose(self) -> None:
        self.post_message(DiagnosisAsked(self.ref))
