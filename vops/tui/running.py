"""A run as the app holds it: it outlives the screen that started it, and any screen may watch it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from vops.errors import VopsError
from vops.operations.session import Session
from vops.planning.events import Question, RunEvent
from vops.planning.plan import Gate, Plan
from vops.tui.connection import first_of

if TYPE_CHECKING:
    from vops.diagnosis.aftermath import Measure
    from vops.model.objects import Ref
    from vops.operations.running.answers import Answer
    from vops.operations.running.run import RunResult
    from vops.operations.running.runs import PastRun
    from vops.tui.watch_window import WatchWindow

Ask = Callable[[Question], Awaitable[bool]]


class Run:
    """One plan being carried out, or `past` gone on with.

    `result` or `error` is set when it has ended; `told` holds the last of each step. `before` is how its workloads did
    when it began, `watch` what watches over them after it has gone well.
    """

    def __init__(
        self,
        plan: Plan,
        ask: Ask,
        changed: Callable[[], None],
        past: PastRun | None = None,
        answer: Answer | None = None,
    ) -> None:
        self.plan = plan
        self._past = past
        self._answer = answer
        self.told: dict[str, tuple[str, str]] = {}
        self.remarks: list[str] = []
        self.result: RunResult | None = None
        self.error: VopsError | None = None
        self.before: Mapping[Ref, Measure] = {}
        self.watch: WatchWindow | None = None
        self._ask, self._changed = ask, changed

    @property
    def ended(self) -> bool:
        return self.result is not None or self.error is not None

    @property
    def went_well(self) -> bool:
        """Whether it has changed something and nothing is left to do."""
        well = ("applied", "fixed")
        return self.result is not None and str(self.result.outcome) in well and bool(self.plan.changes)

    async def carry_out(self, session: Session) -> None:
        """Never raises but for cancellation: how it ended is kept, to be shown."""
        from vops.operations.running import run

        approve, progress, answer = self._approve, self._progress, self._answer
        try:
            if self._past is not None:
                self.result = await run.resume_run(
                    session, self._past, approve=approve, progress=progress, answer=answer
                )
            else:
                self.result = await run.run_plan(session, self.plan, approve=approve, progress=progress, answer=answer)
        except asyncio.CancelledError:
            self.error = VopsError(f"stopped: {self.plan.title}", hint="what is written stays; plan again to go on")
            raise
        except VopsError as error:
            self.error = error
        except Exception as error:  # the edge of a task: a bug is shown like any other end
            self.error = VopsError(f"vops failed: {first_of(error)!r}", hint="see the journal: vops runs")
        finally:
            self._changed()

    async def _approve(self, question: Question) -> bool:
        """The plan as a whole was agreed to before the run began; a step's own gate asks again.

        A run that was fetched is asked about as its requests are, whatever its journal's texts have shown.
        """
        trusted = self._past is None or not self._past.is_fetched
        return True if trusted and question.gate is Gate.CONFIRM and not question.step else await self._ask(question)

    def _progress(self, event: RunEvent) -> None:
        if event.step:
            self.told[event.step] = (str(event.state), event.message)
        else:
            self.remarks.append(event.message)
        self._changed()
