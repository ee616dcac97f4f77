"""One past run: its story, the plan that takes it back, and going on with it where it was interrupted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.errors import VopsError
from vops.operations.running.handback import plan_handback
from vops.operations.running.runs import PastRun
from vops.operations.running.undo import plan_undo
from vops.operations.session import Session
from vops.operations.stories import story_of
from vops.render.flow import agreement_lines
from vops.render.plan import plan_lines
from vops.render.runs import story_lines
from vops.render.text import Line, Span, Tone
from vops.runbooks.impact import with_live_numbers
from vops.tui.messages import ResumeAgreed
from vops.tui.screens.base import BACK, OpsScreen, titled
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.plan import COPIES, UNFOLDED, Planned, PlanScreen
from vops.tui.widgets.lines import Lines


class PastRunScreen(OpsScreen):
    """Steps, changes and ending, as its journal has them."""

    crumb = "run"
    CSS_PATH = "plan.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "undo", "Undo…", id="past_run.undo", tooltip="Plan to take back what it has changed"),
        Binding("b", "hand_back", "Hand back…", id="past_run.hand_back", show=False, tooltip="Once Git carries it"),
        Binding("o", "resume", "Go on…", id="past_run.resume", tooltip="Go on where it was interrupted"),
        BACK,
    ]

    def __init__(self, run: PastRun) -> None:
        super().__init__()
        self._run = run

    def body(self) -> Iterable[Widget]:
        yield Lines(widget_id="story")

    def heading(self) -> Line:
        return (Span("run "), Span(self._run.id, Tone.STRONG))

    def on_mount(self) -> None:
        super().on_mount()
        story = self.query_one(Lines)
        story.focus()
        titled(story, "Run", self._run.ending or "interrupted")
        story.show(story_lines(story_of(self._run)))

    def action_undo(self) -> None:
        self.app.push_screen(UndoScreen(self._run))

    def action_hand_back(self) -> None:
        self.app.push_screen(HandbackScreen(self._run))

    def action_resume(self) -> None:
        try:
            self._run.check_resumable()
        except VopsError as error:
            self.ops.tell(error.message, severity="warning")
            return
        facts, plan = self.ops.facts_now, self._run.plan
        shown = with_live_numbers(plan, facts) if facts is not None else plan
        question = ConfirmScreen(f"Go on: {plan.title}?", agreement_lines(shown), "Go on")
        self.app.push_screen(question, self._decided)

    def _decided(self, agreed: bool | None) -> None:
        if agreed:
            self.post_message(ResumeAgreed(self._run))


class UndoScreen(PlanScreen):
    """The plan that takes back a run, keeping what others did since."""

    crumb = "undo"

    def __init__(self, run: PastRun) -> None:
        super().__init__()
        self._run = run

    def heading(self) -> Line:
        return (Span("undo "), Span(self._run.id, Tone.STRONG))

    async def make_plan(self, session: Session) -> Planned:
        plan = await plan_undo(session, self._run)
        return Planned(plan_lines(plan, hint=COPIES, width=UNFOLDED), plan)


class HandbackScreen(PlanScreen):
    """The plan that gives up what vops owns of what a run has changed, once the repository carries it."""

    crumb = "hand back"

    def __init__(self, run: PastRun) -> None:
        super().__init__()
        self._run = run

    def heading(self) -> Line:
        return (Span("hand back "), Span(self._run.id, Tone.STRONG))

    async def make_plan(self, session: Session) -> Planned:
        plan = await plan_handback(session, self._run)
        return Planned(plan_lines(plan, hint=COPIES, width=UNFOLDED), plan)
