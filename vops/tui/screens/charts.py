"""The last hour of one replica: its numbers over one time axis, with marks where something happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.render.charts import page_lines
from vops.render.headline import subject_title
from vops.render.marks import marks_of
from vops.render.text import Line
from vops.tui.feed import Picture
from vops.tui.messages import DiagnosisAsked, ReplicaAsked
from vops.tui.screens.base import BACK, SubjectScreen, titled
from vops.tui.widgets.lines import Lines


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

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#page").focus()

    def repaint(self, picture: Picture) -> None:
        page = self.query_one("#page", Lines)
        replica = picture.facts.replica(self.ref.namespace, self.ref.name)
        if replica is None:
            titled(page, "Charts", "the pod is gone; what is shown is the last of it")
            return
        size = page.scrollable_content_region
        titled(page, "Charts", "as far back as this vops has looked")
        marks = marks_of(replica)
        page.show(page_lines(picture.hour(replica.ref.uid), marks, picture.view.at, size.width, size.height))

    def action_open(self) -> None:
        self.post_message(ReplicaAsked(self.ref))

    def action_diagnose(self) -> None:
        self.post_message(DiagnosisAsked(self.ref))
