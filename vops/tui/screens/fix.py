"""The fix of a subject: what is wrong, the plan with its diff, and after a yes, the run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vops.errors import PlanStale, VopsError
from vops.library import read_runbook_file
from vops.model.resources import Ref
from vops.operations.fix import FixPlan, plan_fix
from vops.planning.plan import Plan
from vops.render.flow import agreement_lines, finding_lines, manual_lines
from vops.render.plan import plan_lines, plan_yaml
from vops.render.report import report_lines
from vops.render.text import Line, Span, Tone
from vops.runbooks.params import Param
from vops.runbooks.script import load_script
from vops.tui.messages import RunAgreed
from vops.tui.screens.base import BACK, SubjectScreen, error_lines, titled
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.params import ParamsScreen, Values
from vops.tui.widgets.lines import Lines


class FixScreen(SubjectScreen):
    """Plans when it opens; nothing is written before the confirmation."""

    crumb = "fix"
    CSS_PATH = "fix.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a,enter", "agree", "Apply…", id="fix.apply"),
        Binding("p", "params", "Parameters", id="fix.params"),
        Binding("r", "plan", "Plan again", id="fix.plan"),
        Binding("y", "copy", "Copy", tooltip="Copy the patch", id="fix.copy"),
        BACK,
    ]

    def __init__(self, ref: Ref, cause: str = "") -> None:
        super().__init__(ref)
        self._cause = cause
        self._given: Values = {}
        self._planned: FixPlan | None = None
        self._declared: dict[str, Param] = {}

    def body(self) -> Iterable[Widget]:
        yield Lines(widget_id="plan")

    def heading(self) -> Line:
        return (Span("fix "), Span(f"{self.ref.namespace}/{self.ref.name}", Tone.STRONG))

    @property
    def plan(self) -> Plan | None:
        """The plan that is shown, once there is one."""
        return self._planned.plan if self._planned else None

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Lines).focus()
        self.action_plan()

    # --- planning ---

    def action_plan(self) -> None:
        self._planned = None
        self._show([(Span("looking, and planning without changing anything…", Tone.ACCENT),)], "")
        self._make_plan()

    @work(exclusive=True, exit_on_error=False, group="plan")
    async def _make_plan(self) -> None:
        session = self.ops.session
        if session is None:
            self._show([(Span("not connected", Tone.WARN),)], "")
            return
        try:
            planned = await plan_fix(session, self.ref, cause=self._cause, params=self._given)
            self._check_same(planned)
        except VopsError as error:
            self._show(error_lines(error), "no plan")
            return
        self._planned = planned
        self._declared = _declared(planned)
        self._show(self._lines(planned), self._what_next())

    def _check_same(self, planned: FixPlan) -> None:
        """What the key was pressed on is what the plan is for. Raises PlanStale."""
        seen = planned.report.subject.uid
        if self.ref.uid and seen and seen != self.ref.uid:
            raise PlanStale(f"{self.ref} has been replaced by another of its name", hint="go back and look again")

    def _lines(self, planned: FixPlan) -> list[Line]:
        lines = finding_lines(planned.finding) if planned.finding else report_lines(planned.report)
        if planned.plan is not None:
            return [*lines, (), *plan_lines(planned.plan)]
        if planned.fix is not None:
            return [*lines, (), *manual_lines(planned.fix)]
        return (
            [*lines, (), (Span("nothing that vops could change would help", Tone.WARN),)] if planned.finding else lines
        )

    def _what_next(self) -> str:
        if self._refusal():
            return self._refusal()
        return "a applies it, after one more question" if self.plan else ""

    def _refusal(self) -> str:
        """Why the plan cannot be applied from here; empty when it can."""
        plan = self.plan
        if plan is None:
            return "there is no plan to apply"
        if plan.nothing_to_do:
            return "there is nothing to do"
        if plan.blocked:
            return f"blocked: {plan.blocked[0].detail}"
        if not plan.changes:
            return "p fills in what is missing" if self._declared else "this is for you to do"
        return "this session is read-only" if self.ops.session and self.ops.session.cluster.readonly else ""

    def _show(self, lines: list[Line], subtitle: str) -> None:
        titled(self.query_one(Lines), "Plan", subtitle)
        self.query_one(Lines).show(lines)

    # --- keys ---

    def action_params(self) -> None:
        """Asks for what the runbook lets one choose, then plans again."""
        planned = self._planned
        if planned is None or planned.fix is None or not self._declared:
            self.ops.tell("there is nothing to fill in")
            return
        values = {**planned.fix.params, **self._given}
        self.app.push_screen(ParamsScreen(planned.fix.runbook, self._declared, values), self._filled_in)

    def _filled_in(self, values: Values | None) -> None:
        if values is not None:
            self._given = values
            self.action_plan()

    def action_agree(self) -> None:
        """Asks once more, showing exactly what will be written to what."""
        plan = self.plan
        if refusal := self._refusal():
            self.ops.tell(refusal, severity="warning")
            return
        if plan is not None:
            question = ConfirmScreen(f"Apply: {plan.title}?", agreement_lines(plan), "Apply")
            self.app.push_screen(question, lambda agreed: self._decided(plan, agreed))

    def _decided(self, plan: Plan, agreed: bool | None) -> None:
        if agreed:
            self.post_message(RunAgreed(plan))

    def action_copy(self) -> None:
        """The change as a patch for a repository goes to the clipboard."""
        if self.plan is not None and self.plan.changes:
            self.app.copy_to_clipboard(plan_yaml(self.plan))
            self.ops.tell("the patch is in the clipboard")


def _declared(planned: FixPlan) -> dict[str, Param]:
    """The parameters of the runbook that a person may want to choose: not what it is about."""
    if planned.fix is None or not planned.fix.runbook:
        return {}
    declared = load_script(*read_runbook_file(planned.fix.runbook)).runbook.head.params
    return {name: param for name, param in declared.items() if name not in ("namespace", "target", "container")}
