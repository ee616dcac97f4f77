"""Logs over the whole screen: of one replica or of all of its workload, searched, filtered and folded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec
from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.model.objects import Ref
from vops.render.filters import Match
from vops.render.headline import subject_title
from vops.render.log_errors import KnownError, error_lines, known_errors
from vops.render.text import Line
from vops.tui.messages import DiagnosisAsked
from vops.tui.screens.base import SubjectScreen, titled
from vops.tui.tail import TAIL_LINES, Wanted, tail_all, tail_of
from vops.tui.widgets.lines import Lines
from vops.tui.widgets.log import KEPT_LINES, LogPane

MOST_PODS = 20
READ_AGAIN_S = 2.0
_PERIODS: tuple[tuple[str, Wanted], ...] = (
    (f"newest {TAIL_LINES:,} lines", Wanted()),
    ("last 5 minutes", Wanted(since_s=300, lines=KEPT_LINES)),
    ("last hour", Wanted(since_s=3600, lines=KEPT_LINES)),
    (f"newest {KEPT_LINES:,} lines", Wanted(lines=KEPT_LINES)),
)
"""How far back a log is read; more than the pane holds is of no use."""


class LogsScreen(SubjectScreen):
    """Follows while it is open; stays where the reader scrolled to."""

    crumb = "log"
    CSS_PATH = "logs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "previous", "Previous", id="logs.previous"),
        Binding("slash", "search", "Search", key_display="/", id="logs.search"),
        Binding("n", "find(1)", "Next", show=False, id="logs.next", tooltip="The next line that is searched for"),
        Binding("N", "find(-1)", "Before", show=False, id="logs.before", tooltip="The one before"),
        Binding("ampersand", "filter", "Filter", key_display="&", id="logs.filter"),
        Binding("F", "fold", "Fold", id="logs.fold", tooltip="Lines that differ in numbers only as one"),
        Binding("E", "error", "Known error", show=False, id="logs.error", tooltip="To the next error that vops knows"),
        Binding("a", "all", "All", id="logs.all", tooltip="The logs of every replica of its workload"),
        Binding("t", "period", "Since", id="logs.period", tooltip="How far back to read"),
        Binding("d", "diagnose", "Diagnose", show=False, id="logs.diagnose"),
        Binding("escape", "step_back", "Back", id="logs.leave"),
    ]

    def __init__(self, ref: Ref) -> None:
        super().__init__(ref)
        self._previous = False
        self._everywhere = False
        self._period = 0
        self._searched = self._filtered = ""
        self._errors: list[KnownError] = []
        self._read = self._turn = 0

    def body(self) -> Iterable[Widget]:
        yield LogPane(widget_id="log")
        yield Lines(wrap=False, widget_id="errors")

    def heading(self) -> Line:
        about = msgspec.structs.replace(self.ref, name="all pods of its workload") if self._everywhere else self.ref
        return subject_title("log", about)

    @property
    def pane(self) -> LogPane:
        return self.query_one(LogPane)

    def on_mount(self) -> None:
        super().on_mount()
        self.pane.focus()
        self._show_errors([])
        self.set_interval(READ_AGAIN_S, self._read_errors)
        self._tail()

    # --- known errors ---

    @work(exclusive=True, exit_on_error=False, group="errors")
    async def _read_errors(self) -> None:
        """Holds what has arrived against what the rules know, in a thread: there are many of both."""
        if self.pane.arrived == self._read:
            return
        self._read, lines = self.pane.arrived, self.pane.numbered
        self._show_errors(await asyncio.to_thread(known_errors, lines))

    def _show_errors(self, found: list[KnownError]) -> None:
        self._errors = found
        pane = self.query_one("#errors", Lines)
        pane.can_focus = False
        pane.display = bool(found)
        titled(pane, f"Known errors {len(found)}", "E goes to the next of them")
        pane.show(error_lines(found))

    def action_error(self) -> None:
        """Goes to the last line of one cause after the other."""
        if not self._errors:
            self.ops.tell("no error that vops knows is in these lines")
            return
        chosen = self._errors[self._turn % len(self._errors)]
        self._turn += 1
        self.pane.reveal(chosen.last)
        self.ops.tell(f"{chosen.cause} ×{chosen.times}")

    @work(exclusive=True, exit_on_error=False, group="tail")
    async def _tail(self) -> None:
        wanted = _PERIODS[self._period][1]._replace(previous=self._previous)
        if self._everywhere:
            await tail_all(self.ops, self._siblings(), self.pane, wanted)
        else:
            await tail_of(self.ops, self.ref, self.pane, wanted)

    def _siblings(self) -> Sequence[Ref]:
        """The replicas of the same workload, this one first."""
        facts = self.ops.picture.facts if self.ops.picture else None
        own = self.ops.workload_of(self.ref)
        others = (
            [replica.ref for replica in facts.replicas if self.ops.workload_of(replica.ref) == own] if facts else []
        )
        names = {ref.name: ref for ref in (self.ref, *others)}
        return list(names.values())[:MOST_PODS]

    # --- keys ---

    def action_previous(self) -> None:
        self._previous = not self._previous
        self._tail()

    def action_all(self) -> None:
        self._everywhere = not self._everywhere
        self.tick()
        self._tail()

    def action_period(self) -> None:
        self._period = (self._period + 1) % len(_PERIODS)
        self.ops.tell(_PERIODS[self._period][0])
        self._tail()

    def action_search(self) -> None:
        self.ask("/", self._searched)

    def action_filter(self) -> None:
        self.ask("&", self._filtered)

    def typed(self, sign: str, text: str) -> None:
        if sign == "&":
            self._filtered = text
            self.pane.narrow(Match(text))
        else:
            self._searched = text
            self.pane.look_for(Match(text))

    def action_find(self, step: int) -> None:
        if not self._searched:
            self.ops.tell("/ searches; n and N go on from there")
            return
        self.pane.action_find(step)

    def action_fold(self) -> None:
        self.pane.action_fold()

    def action_step_back(self) -> None:
        """Search and filter go first, then the screen."""
        if self._filtered:
            self.typed("&", "")
        elif self._searched:
            self.typed("/", "")
        else:
            self.ops.action_go_back()

    def action_diagnose(self) -> None:
        self.post_message(DiagnosisAsked(self.ref))
