"""A plan before it is carried out: its diff, who owns the fields, what it costs; and after a yes, the run.

Nothing is written before the confirmation. Screens of this kind say how their plan is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.errors import VopsError
from vops.model.objects import Ref
from vops.operations.session import Session
from vops.planning.plan import Plan
from vops.render.flow import agreement_lines
from vops.render.plan import plan_yaml
from vops.render.text import Line, Span, Tone
from vops.runbooks.impact import with_live_numbers
from vops.runbooks.params import Param
from vops.tui.messages import RunAgreed
from vops.tui.screens.base import BACK, OpsScreen, error_lines, titled
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.params import ParamsScreen, Values
from vops.tui.widgets.lines import Lines

COPIES = "y copies the whole patch"
"""How to see what a folded diff leaves out."""
UNFOLDED = 10_000
"""The widget folds lines itself, to whatever width it has."""


@dataclass(frozen=True)
class Planned:
    """What came of planning, as lines; `plan` is None where there is nothing that vops could carry out.

    `declared` are the parameters of `runbook` that a person may choose, `values` what they are now.
    """

    lines: list[Line]
    plan: Plan | None = None
    runbook: str = ""
    declared: Mapping[str, Param] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


class PlanScreen(OpsScreen):
    """Plans when it opens, and again with other parameters."""

    crumb = "plan"
    CSS_PATH = "plan.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a,enter", "agree", "Apply…", id="plan.apply"),
        Binding("p", "params", "Parameters", id="plan.params"),
        Binding("r", "plan", "Plan again", id="plan.plan"),
        Binding("y", "copy", "Copy", tooltip="Copy the patch", id="plan.copy"),
        BACK,
    ]

    def __init__(self, *about: Ref) -> None:
        """`about` is for the next class: a plan may be about one object."""
        super().__init__(*about)
        self.given: Values = {}
        self._planned: Planned | None = None

    async def make_plan(self, session: Session) -> Planned:
        """Plans with what is `given`, changing nothing. Raises VopsError."""
        raise NotImplementedError

    def body(self) -> Iterable[Widget]:
        yield Lines(widget_id="plan")

    @property
    def plan(self) -> Plan | None:
        """The plan that is shown, once there is one."""
        return self._planned.plan if self._planned else None

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Lines).focus()
        self.begin()

    def begin(self) -> None:
        """What happens when the screen opens."""
        self.action_plan()

    # --- planning ---

    def action_plan(self) -> None:
        self._planned = None
        self.show_lines([(Span("looking, and planning without changing anything…", Tone.ACCENT),)])
        self._plan()

    @work(exclusive=True, exit_on_error=False, group="plan")
    async def _plan(self) -> None:
        session = self.ops.session
        if session is None:
            self.show_lines([(Span("not connected", Tone.WARN),)])
            return
        try:
            self._planned = planned = await self.make_plan(session)
        except VopsError as error:
            self.show_lines(error_lines(error), "no plan")
            return
        self.show_lines(planned.lines, self._what_next())

    def _what_next(self) -> str:
        if self._refusal():
            return self._refusal()
        return "a applies it, after one more question" if self.plan else ""

    def _refusal(self) -> str:
        """Why the plan cannot be applied from here; empty when it can."""
        plan = self.plan
        if plan is None:
            return "p plans what would help" if self._declared else "there is no plan to apply"
        if plan.nothing_to_do:
            return "there is nothing to do"
        if plan.blocked:
            return f"blocked: {plan.blocked[0].detail}"
        if not plan.changes:
            return "p fills in what is missing" if self._declared else "this is for you to do"
        return "this session is read-only" if self.ops.session and self.ops.session.cluster.readonly else ""

    @property
    def _declared(self) -> Mapping[str, Param]:
        return self._planned.declared if self._planned else {}

    def show_lines(self, lines: list[Line], subtitle: str = "") -> None:
        """Shows `lines` in place of what was there."""
        titled(self.query_one(Lines), "Plan", subtitle)
        self.query_one(Lines).show(lines)

    # --- keys ---

    def action_params(self) -> None:
        """Asks for what the runbook lets one choose, then plans again."""
        planned = self._planned
        if planned is None or not planned.declared:
            self.ops.tell("there is nothing to fill in")
            return
        self.ask_params(planned.runbook, planned.declared, {**planned.values, **self.given})

    def ask_params(self, runbook: str, declared: Mapping[str, Param], values: Mapping[str, Any]) -> None:
        """A form over the screen; what is filled in is planned with."""
        self.app.push_screen(ParamsScreen(runbook, declared, values), self._filled_in)

    def _filled_in(self, values: Values | None) -> None:
        if values is not None:
            self.given = values
            self.action_plan()
        elif self._planned is None:
            self.left_form()

    def left_form(self) -> None:
        """What happens when the first form is left without an answer."""

    def action_agree(self) -> None:
        """Asks once more, showing exactly what will be written to what."""
        plan = self.plan
        if refusal := self._refusal():
            self.ops.tell(refusal, severity="warning")
            return
        if plan is not None:
            facts = self.ops.facts_now
            shown = with_live_numbers(plan, facts) if facts is not None else plan
            question = ConfirmScreen(f"Apply: {plan.title}?", agreement_lines(shown), "Apply")
            self.app.push_screen(question, lambda agreed: self._decided(plan, agreed))

    def _decided(self, plan: Plan, agreed: bool | None) -> None:
        if agreed:
            self.post_message(RunAgreed(plan))

    def action_copy(self) -> None:
        """The change as a patch for a repository goes to the clipboard."""
        if self.plan is not None and self.plan.changes:
            self.app.copy_to_clipboard(plan_yaml(self.plan))
            self.ops.tell("the patch is in the clipboard")
