"""One workload: its rollout live, its revisions and replicas, who scales it, the way to it, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from vops.errors import ClusterError, VopsError
from vops.model.configuration import ControllerRevision
from vops.model.objects import Ref
from vops.operations.observation.config_history import revisions_of
from vops.operations.session import Session
from vops.render.headline import subject_title
from vops.render.replica import event_lines
from vops.render.report import report_lines
from vops.render.text import Line, Span, Tone
from vops.render.workload import replica_lines, rollout_lines, rows_of, way_lines, workload_sentence
from vops.tui.diagnosed import look
from vops.tui.examine import Examined
from vops.tui.feed import Picture
from vops.tui.messages import LogsAsked
from vops.tui.screens.base import BACK, error_lines, titled
from vops.tui.screens.panes import PanedScreen, pane_keys
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.lines import Lines

PANES = {
    "rollout": "Rollout",
    "replicas": "Replicas",
    "findings": "Findings",
    "way": "Way in and scaling",
    "events": "Events",
}
LOOK_AGAIN_S = 15.0


class WorkloadScreen(PanedScreen):
    """Rollout and replicas follow every picture; findings and the way in a close look now and then."""

    crumb = "workload"
    panes = PANES
    CSS_PATH = "workload.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "diagnose", "Diagnose", id="workload.diagnose"),
        Binding("f", "fix", "Fix", id="workload.fix"),
        Binding("l", "logs", "Logs", id="workload.logs"),
        Binding("R", "runbooks", "Runbooks", id="workload.runbooks", tooltip="Scale it, roll it, go back…"),
        *pane_keys("workload", PANES),
        Binding("r", "look", "Look again", show=False, id="workload.look"),
        BACK,
    ]

    def __init__(self, ref: Ref) -> None:
        super().__init__(ref)
        self._templates: Sequence[ControllerRevision] = ()

    def body(self) -> Iterable[Widget]:
        yield Bar(widget_id="state")
        yield Bar(widget_id="tabs")
        yield Container(*(Lines(widget_id=name) for name in PANES), id="panes")

    def heading(self) -> Line:
        return subject_title(self.ref.kind.lower(), self.ref)

    def on_mount(self) -> None:
        for number, (pane, title) in enumerate(PANES.items(), 1):
            titled(self.query_one(f"#{pane}"), f"{number} {title}", "looking…" if pane in ("findings", "way") else "")
        super().on_mount()
        self.action_pane("rollout")
        self._look()

    # --- painting ---

    def repaint(self, picture: Picture) -> None:
        found = picture.facts.workload(self.ref.kind, self.ref.namespace, self.ref.name)
        if found is None or (self.ref.uid and found.ref.uid != self.ref.uid):
            told = (Span(" ↓ gone", Tone.WARN), Span("  it is no longer there; what is shown is the last of it"))
            self.query_one("#state", Bar).show(told)
            return
        self.query_one("#state", Bar).show((Span(" "), *workload_sentence(found)))
        rows = rows_of(picture.view.replicas, found)
        titled(self.query_one("#replicas"), f"2 Replicas {len(rows)}")
        width = self.query_one("#replicas").scrollable_content_region.width or self.size.width
        self.lines("replicas", replica_lines(rows, width))
        self.lines("rollout", rollout_lines(found, self._templates))
        events = event_lines(found.events, picture.view.at)
        titled(self.query_one("#events"), f"5 Events {len(events)}")
        self.lines("events", events or [(Span("no events", Tone.DIM),)])

    # --- the close look ---

    @work(exclusive=True, exit_on_error=False, group="look")
    async def _look(self) -> None:
        while (session := self.ops.session) is not None:
            await self._read_templates(session)
            try:
                self._show((await look(self.ops, self.ref)).found)
            except VopsError as error:
                self.lines("findings", error_lines(error))
                titled(self.query_one("#findings"), "3 Findings", "could not look")
            await session.clock.sleep(LOOK_AGAIN_S)

    async def _read_templates(self, session: Session) -> None:
        """What a StatefulSet has had for templates; without the right to know, its status has to do."""
        if self.ref.kind == "StatefulSet" and self.ref.uid:
            with suppress(ClusterError):
                self._templates = await revisions_of(session.cluster, self.ref.namespace, self.ref.uid)
                if self.ops.picture is not None:
                    self.repaint(self.ops.picture)

    def _show(self, found: Examined) -> None:
        count = len(found.report.findings)
        titled(self.query_one("#findings"), f"3 Findings {count}", "f plans the fix" if count else "")
        self.lines("findings", report_lines(found.report)[3 if count else 1 :])
        workload = found.facts.workload(self.ref.kind, self.ref.namespace, self.ref.name)
        titled(self.query_one("#way"), "4 Way in and scaling")
        self.lines("way", way_lines(workload) if workload is not None else [(Span("not there", Tone.DIM),)])

    # --- keys ---

    def action_look(self) -> None:
        titled(self.query_one("#findings"), "3 Findings", "looking…")
        self._look()

    def action_logs(self) -> None:
        """The log of its first replica; `a` there shows all of them."""
        facts = self.ops.picture.facts if self.ops.picture else None
        found = facts.workload(self.ref.kind, self.ref.namespace, self.ref.name) if facts else None
        if found is not None and found.replicas:
            self.post_message(LogsAsked(found.replicas[0].ref))
        else:
            self.ops.tell("it has no replica, so there is no log")

    def action_runbooks(self) -> None:
        self.ops.open("runbooks")
