"""One replica: its state in a sentence, what is wrong, how its start went, its numbers, events and log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Part
from vops.diagnosis.serving.slowness import slowness
from vops.diagnosis.states import ReplicaState
from vops.errors import VopsError
from vops.model.objects import Ref
from vops.render.fleet_rows import ReplicaRow
from vops.render.headline import subject_title
from vops.render.replica import (
    condition_lines,
    event_lines,
    identity_line,
    load_lines,
    number_lines,
    state_sentence,
)
from vops.render.report import report_lines
from vops.render.slowness import slowness_lines
from vops.render.text import Line, Span, Tone
from vops.tui.diagnosed import look
from vops.tui.examine import Examined
from vops.tui.feed import Picture
from vops.tui.messages import LogsAsked
from vops.tui.screens.base import BACK, error_lines, titled
from vops.tui.screens.panes import PanedScreen, pane_keys
from vops.tui.tail import Wanted, tail_of
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.lines import Lines
from vops.tui.widgets.log import LogPane

PANES = {"findings": "Findings", "load": "Start", "numbers": "Numbers", "events": "Events", "log": "Log"}
LOOK_AGAIN_S = {ReplicaState.LOADING: 4.0, ReplicaState.READY: 60.0}
LOOK_AGAIN_OTHERWISE_S = 10.0


class ReplicaScreen(PanedScreen):
    """Numbers and events follow every picture; findings and the start's phases a close look now and then.

    Where there is little room, the upper panes take turns (1 to 4, or tab) over the log.
    """

    crumb = "replica"
    panes = PANES
    CSS_PATH = "replica.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "diagnose", "Diagnose", id="replica.diagnose"),
        Binding("f", "fix", "Fix", id="replica.fix"),
        Binding("l", "logs", "Log", id="replica.logs"),
        Binding("c", "charts", "Charts", id="replica.charts"),
        Binding(
            "e",
            "engine",
            "Engine",
            show=False,
            id="replica.engine",
            tooltip="Its arguments, and what sizing says of them",
        ),
        Binding("p", "previous", "Previous", id="replica.previous"),
        *pane_keys("replica", PANES),
        Binding("r", "look", "Look again", show=False, id="replica.look"),
        BACK,
    ]

    def __init__(self, ref: Ref) -> None:
        super().__init__(ref)
        self._row: ReplicaRow | None = None
        self._close: Replica | None = None
        self._previous = False
        self._pace: list[Line] = []
        self._blamed: Part | None = None
        self._found: list[Line] = []

    def body(self) -> Iterable[Widget]:
        yield Bar(widget_id="state")
        yield Bar(widget_id="identity")
        yield Bar(widget_id="tabs")
        yield Container(*self._panes(), id="panes")

    def _panes(self) -> ComposeResult:
        yield Container(*(Lines(widget_id=name) for name in ("findings", "load", "events", "numbers")), id="upper")
        yield LogPane(widget_id="log")

    def heading(self) -> Line:
        return subject_title("", self.ref)

    def on_mount(self) -> None:
        titled(self.query_one("#findings"), "1 Findings", "looking…")
        titled(self.query_one("#load"), "2 Start")
        titled(self.query_one("#numbers"), "3 Numbers")
        titled(self.query_one("#events"), "4 Events")
        super().on_mount()
        self.action_pane("findings")
        self._look()
        self._tail()

    # --- painting ---

    def repaint(self, picture: Picture) -> None:
        replica = picture.facts.replica(self.ref.namespace, self.ref.name)
        row = next((row for row in picture.view.replicas if (row.namespace, row.pod) == self._names), None)
        if replica is None or row is None or (self.ref.uid and row.uid != self.ref.uid):
            self._gone()
            return
        self._row = row
        pace = slowness(replica)
        self.query_one("#state", Bar).show((Span(" "), *state_sentence(replica, row, pace)))
        hint = Span("e arguments ", Tone.DIM)
        identity = identity_line(replica, row, self.size.width - len(hint.text) - 3)
        self.query_one("#identity", Bar).show((Span(" "), *identity), (hint,))
        width = max(8, self.query_one("#numbers").size.width - 24)
        self.lines("numbers", number_lines(replica, row, picture.history(row.key), width))
        if pace.part is not None and pace.part is not self._blamed:
            self._look()
        self._blamed = pace.part
        if replica.state is not ReplicaState.READY:
            self._pace = []
        elif (lines := [*slowness_lines(pace, stale=row.stale), ()]) != self._pace:
            self._pace = lines
            self._show_findings()
        events = event_lines(replica.events, picture.view.at)
        titled(self.query_one("#events"), f"4 Events {len(events)}")
        self.lines("events", events or [(Span("no events", Tone.DIM),)])
        start = load_lines(self._close or replica, self._bar_width)
        self.lines("load", [*start, *condition_lines(replica)])

    @property
    def _bar_width(self) -> int:
        """Room for the bars of the start, beside names, durations and progress."""
        return max(4, self.query_one("#load").size.width - 45)

    @property
    def _names(self) -> tuple[str, str]:
        return self.ref.namespace, self.ref.name

    def _gone(self) -> None:
        told = (Span(" ↓ gone", Tone.WARN), Span("  this pod is no longer there; what is shown is the last of it"))
        self.query_one("#state", Bar).show(told)

    # --- the close look ---

    @work(exclusive=True, exit_on_error=False, group="look")
    async def _look(self) -> None:
        """Looks again and again: often while it loads, rarely while it serves."""
        while True:
            try:
                self._show((await look(self.ops, self.ref)).found)
            except VopsError as error:
                self._found = error_lines(error)
                self._show_findings()
                titled(self.query_one("#findings"), "1 Findings", "could not look")
            state = self._row.state if self._row else None
            if (session := self.ops.session) is None:
                return
            await session.clock.sleep(LOOK_AGAIN_S.get(state, LOOK_AGAIN_OTHERWISE_S) if state else 1.0)

    def _show(self, found: Examined) -> None:
        self._close = found.facts.replica(*self._names)
        count = len(found.report.findings)
        titled(self.query_one("#findings"), f"1 Findings {count}", "f plans the fix" if count else "")
        plain = msgspec.structs.replace(found.report, slowness=None)
        self._found = report_lines(plain)[3 if count else 1 :]
        self._show_findings()
        if self.ops.picture is not None:
            self.repaint(self.ops.picture)

    def _show_findings(self) -> None:
        """Why it is slow, as each picture tells, over what the last close look has found."""
        self.lines("findings", [*self._pace, *self._found])

    @work(exclusive=True, exit_on_error=False, group="tail")
    async def _tail(self) -> None:
        await tail_of(self.ops, self.ref, self.query_one(LogPane), Wanted(self._previous))

    # --- keys ---

    def action_pane(self, name: str) -> None:
        """Goes to a pane; where panes take turns, it is the one to be seen."""
        self.query_one("#upper").set_class(name == "log", "-left")
        super().action_pane(name)

    def action_look(self) -> None:
        titled(self.query_one("#findings"), "1 Findings", "looking…")
        self._look()

    def action_previous(self) -> None:
        self._previous = not self._previous
        self._tail()

    def action_charts(self) -> None:
        self.ops.open("charts", self.ref)

    def action_engine(self) -> None:
        self.ops.open("engine", self.ref)

    def action_logs(self) -> None:
        self.post_message(LogsAsked(self.ref))
