"""An app that keeps a run going whatever screen is shown, answers its questions and does not quit without asking."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from textual.notifications import SeverityLevel
from textual.worker import Worker

from vops.diagnosis.facts import Facts
from vops.errors import ApprovalNeeded, VopsError
from vops.model.text import scrub
from vops.operations.session import Session
from vops.planning.events import Question
from vops.planning.plan import Gate
from vops.render.text import Span
from vops.runbooks.params import Param
from vops.settings import Settings
from vops.tui.looks import LookingApp
from vops.tui.messages import ResumeAgreed, RunAgreed, RunStopAsked
from vops.tui.running import Run
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.params import AnswerScreen
from vops.tui.screens.run import RunScreen
from vops.tui.widgets.tones import drawable

if TYPE_CHECKING:
    from vops.tui.watch_window import WatchWindow

LOOK_EVERY_S = 5.0
READ_EVERY_S = 15.0


class RunningApp(LookingApp):
    """One run at a time."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.run_going: Run | None = None
        self._run_worker: Worker[None] | None = None

    @property
    def session(self) -> Session | None:
        """The open session; None while connecting."""
        raise NotImplementedError

    @property
    def facts_now(self) -> Facts | None:
        """What is known now, whatever instant is shown; None while nothing is."""
        raise NotImplementedError

    def now(self) -> datetime:
        """The session's time."""
        raise NotImplementedError

    def tick(self) -> None:
        """Brings header and truth line up to date."""

    def on_run_agreed(self, event: RunAgreed) -> None:
        self._carry_out(Run(event.plan, self._ask, self._run_changed, answer=self._answer))

    def on_resume_agreed(self, event: ResumeAgreed) -> None:
        self._carry_out(Run(event.run.plan, self._ask, self._run_changed, event.run, self._answer))

    def _carry_out(self, run: Run) -> None:
        """Starts a run in the app's own name, so that it outlives the screen that asked for it."""
        if self.session is None or self.busy():
            return
        from vops.tui.watch_window import measured

        self.run_going = run
        run.before = measured(run.plan, self.facts_now)
        self.action_go_back()
        self.push_screen(RunScreen(run))
        self._run_worker = self.run_worker(run.carry_out(self.session), group="run", exit_on_error=False)

    def watch_for_pauses(self) -> None:
        """Looks once for GitOps that a run has left paused, since nobody else lets it go on again."""
        if self.session is not None:
            self.run_worker(self._tell_pauses(self.session), group="pauses", exclusive=True, exit_on_error=False)

    async def _tell_pauses(self, session: Session) -> None:
        from vops.operations.running.pauses import standing_pauses

        for pause in await standing_pauses(session):
            if pause.is_left:
                self.tell(f"{pause} · {pause.next_step}", severity="warning", timeout_s=30)

    def busy(self) -> bool:
        """Says so when a run is going on, which must not be lost."""
        going = self.run_going is not None and not self.run_going.ended
        if going:
            self.tell("a run is going on: w watches it, x there stops it", severity="warning")
        return going

    async def _ask(self, question: Question) -> bool:
        """A question that a step of the run asks by itself."""
        name = question.target.name if question.target and question.gate is Gate.TYPE_NAME else ""
        verb = "It is done" if question.gate is Gate.INSTRUCT else "Go on"
        lines = [(Span(text),) for text in question.text.splitlines()]
        return await self.push_screen_wait(ConfirmScreen(question.title, lines, verb, type_this=name))

    async def _answer(self, question: Question) -> str:
        """A value that a step of the run asks for. Raises ApprovalNeeded when the form is left without one."""
        param = msgspec.convert(question.wants, Param)
        form = AnswerScreen(question.title, {question.step: param}, {question.step: param.default})
        values = await self.push_screen_wait(form)
        if values is None:
            raise ApprovalNeeded(f"{question.title}: a person has to say", hint=question.text)
        return values.get(question.step, str(param.default))

    def _run_changed(self) -> None:
        if self.run_going and self.run_going.went_well and self.run_going.watch is None:
            self._begin_watch(self.run_going)
        if isinstance(self.screen, RunScreen):
            self.screen.show_run()
        elif self.run_going and self.run_going.ended:
            self.tell(f"the run has ended: {self.run_going.plan.title} · w shows how", timeout_s=15)
        self.tick()

    def _begin_watch(self, run: Run) -> None:
        """Watches over what a run has changed, unless the settings do not want it; the next run ends that."""
        from vops.tui.watch_window import WatchWindow

        span = timedelta(minutes=self.settings.tui.watch_minutes)
        if self.session is None or not span:
            return
        run.watch = WatchWindow(run.plan, run.before, self.facts_now, self.now(), span)
        watching = self._watch_over(run.watch, self.session)
        self.run_worker(watching, group="watch", exclusive=True, exit_on_error=False)

    async def _watch_over(self, watch: WatchWindow, session: Session) -> None:
        """Looks every few seconds until the time is up; what gets worse is said once, wherever one is."""
        told, read_at = "", watch.ended
        while self.session is session:
            if self.now() >= read_at:
                await watch.read(session)
                read_at = self.now() + timedelta(seconds=READ_EVERY_S)
            watch.look(self.facts_now)
            self._show_watch(watch, said=told)
            told = watch.worst
            if self.now() >= watch.until:
                return
            await session.clock.sleep(LOOK_EVERY_S)

    def _show_watch(self, watch: WatchWindow, said: str) -> None:
        if isinstance(self.screen, RunScreen):
            self.screen.show_run()
        elif watch.worst and watch.worst != said:
            told = f"since the run: {watch.worst} · w shows it, u there takes it back"
            self.tell(told, severity="warning", timeout_s=30)
        self.tick()

    def on_run_stop_asked(self, event: RunStopAsked) -> None:
        question = (Span("Changes that are written stay; the journal says which. The run can be planned again."),)
        self.push_screen(ConfirmScreen("Stop the run?", [question], "Stop it"), self._stop_decided)

    def _stop_decided(self, agreed: bool | None) -> None:
        if agreed and self._run_worker is not None:
            self._run_worker.cancel()

    def action_watch_run(self) -> None:
        if self.run_going is None:
            self.tell("there is no run to watch")
        elif not isinstance(self.screen, RunScreen):
            self.push_screen(RunScreen(self.run_going))

    def action_leave(self) -> None:
        """Quits, but not out of a run without asking."""
        if self.run_going is None or self.run_going.ended:
            self.exit()
            return
        question = (Span("A run is going on. Changes that are written stay, nobody will verify them."),)
        self.push_screen(ConfirmScreen("Quit and stop the run?", [question], "Quit"), self._leave_decided)

    def _leave_decided(self, agreed: bool | None) -> None:
        if agreed:
            self.exit()

    def action_go_back(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def say(self, error: VopsError) -> None:
        """Shows an error in a corner: what happened, then what to try."""
        self.tell("\n".join(map(drawable, filter(None, (error.message, error.hint)))), severity="error")

    def tell(self, text: str, *, severity: SeverityLevel = "information", timeout_s: float = 5.0) -> None:
        """Shows a remark in a corner, as text and never as markup."""
        self.notify(scrub(text), severity=severity, timeout=timeout_s, markup=False)
