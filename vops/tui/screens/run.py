"""A run while it goes, and how it ended. Leaving the screen leaves the run going; `w` comes back to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from vops.errors import VopsError
from vops.model.snapshot import Source
from vops.render.flow import ending_lines, run_lines
from vops.render.live import live_lines
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.messages import RunStopAsked
from vops.tui.running import Run
from vops.tui.screens.base import BACK, OpsScreen, titled
from vops.tui.widgets.lines import Lines


class RunScreen(OpsScreen):
    """Steps with their states, repainted whenever the run says something; beside them what they work on."""

    crumb = "run"
    CSS_PATH = "plan.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "Stop the run", id="run.stop"),
        Binding("u", "undo", "Undo…", id="run.undo", tooltip="Plan to take back what it has changed"),
        BACK,
    ]

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def body(self) -> Iterable[Widget]:
        yield Container(Lines(widget_id="steps"), Lines(widget_id="live"), id="panes")
        yield Lines(widget_id="ending")

    def heading(self) -> Line:
        return (Span("run "), Span(self._run.plan.title, Tone.STRONG))

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """The steps are inside of another widget, and so not there when the screen itself is."""
        for steps in self.query("#steps"):
            steps.focus()
        self.show_run()

    def repaint(self, picture: Picture) -> None:
        """What the run works on, beside its steps."""
        from vops.tui.watch_window import workloads_of

        facts = self.ops.facts_now or picture.facts
        found = [workload for _, workload in workloads_of(self._run.plan, facts)]
        live = self.query_one("#live", Lines)
        titled(live, "Live", truth=self.truth_of(Source.PODS, Source.EVENTS))
        width = live.scrollable_content_region.width
        live.show(live_lines(found, picture.view.replicas, picture.view.at, width))

    def show_run(self) -> None:
        """Shows the run as it is now, once there is something to show it in."""
        if not self.query("#steps"):
            return
        run, steps = self._run, self.query_one("#steps", Lines)
        remarks: list[Line] = [(Span("▲ ", Tone.WARN), Span(text)) for text in run.remarks]
        titled(steps, "Run", "ended" if run.ended else "going on · esc leaves it going · x stops it")
        steps.show([*remarks, *run_lines(run.plan, run.told)])
        ending = self.query_one("#ending", Lines)
        ending.display = run.ended
        self.set_class(run.ended, "-ended")
        if run.ended:
            self.refresh_bindings()
            titled(ending, "Ending", "u plans to take it back · esc goes back" if self._can_undo else "esc goes back")
            ending.show([*_ending(run), *self._card()])

    def _card(self) -> list[Line]:
        """Whether what the run has changed stays well."""
        watch = self._run.watch
        return [(), *watch.lines(self.ops.now())] if watch is not None else []

    @property
    def _can_undo(self) -> bool:
        result = self._run.result
        return result is not None and bool(result.run_id) and bool(self._run.plan.changes)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "undo":
            return self._can_undo
        return action != "stop" or not self._run.ended

    def action_undo(self) -> None:
        """Opens the plan that takes it back, from its journal."""
        from vops.operations.running.runs import past_run
        from vops.tui.screens.past_run import UndoScreen

        if self._run.result is None:
            return
        try:
            past = past_run(self.ops.settings.state_path, self._run.result.run_id)
        except VopsError as error:
            self.ops.tell(error.message, severity="warning")
            return
        self.app.push_screen(UndoScreen(past))

    def action_stop(self) -> None:
        if not self._run.ended:
            self.post_message(RunStopAsked())


def _ending(run: Run) -> list[Line]:
    from vops.render.plan import handing_back

    result = run.result
    if result is None:
        return ending_lines("failed", "", run.error)
    notes = [f"journal: {result.journal}"] if result.journal else []
    if result.error is None and (left := handing_back(run.plan, result.run_id)):
        notes.append(left)
    summary = result.verification.summary if result.verification else ""
    return ending_lines(str(result.outcome), summary, result.error, notes)
