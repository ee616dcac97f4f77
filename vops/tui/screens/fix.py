"""The fix of a subject: what is wrong, and the plan that makes it right."""

from __future__ import annotations

from vops.errors import PlanStale
from vops.library import read_runbook_file
from vops.model.resources import Ref
from vops.operations.fix import FixPlan, plan_fix
from vops.operations.session import Session
from vops.render.flow import finding_lines, manual_lines
from vops.render.plan import plan_lines
from vops.render.report import report_lines
from vops.render.text import Line, Span, Tone
from vops.runbooks.params import Param
from vops.runbooks.script import load_script
from vops.tui.screens.base import SubjectScreen
from vops.tui.screens.plan import Planned, PlanScreen


class FixScreen(PlanScreen, SubjectScreen):
    """Diagnoses and plans when it opens."""

    crumb = "fix"

    def __init__(self, ref: Ref, cause: str = "") -> None:
        super().__init__(ref)
        self._cause = cause

    def heading(self) -> Line:
        return (Span("fix "), Span(f"{self.ref.namespace}/{self.ref.name}", Tone.STRONG))

    async def make_plan(self, session: Session) -> Planned:
        found = await plan_fix(session, self.ref, cause=self._cause, params=self.given)
        self._check_same(found)
        runbook, values = (found.fix.runbook, found.fix.params) if found.fix else ("", {})
        return Planned(_lines(found), found.plan, runbook, _declared(runbook), values)

    def _check_same(self, found: FixPlan) -> None:
        """What the key was pressed on is what the plan is for. Raises PlanStale."""
        seen = found.report.subject.uid
        if self.ref.uid and seen and seen != self.ref.uid:
            raise PlanStale(f"{self.ref} has been replaced by another of its name", hint="go back and look again")


def _lines(found: FixPlan) -> list[Line]:
    lines = finding_lines(found.finding) if found.finding else report_lines(found.report)
    if found.plan is not None:
        return [*lines, (), *plan_lines(found.plan)]
    if found.fix is not None:
        return [*lines, (), *manual_lines(found.fix)]
    return [*lines, (), (Span("nothing that vops could change would help", Tone.WARN),)] if found.finding else lines


def _declared(runbook: str) -> dict[str, Param]:
    """The parameters of a runbook that a person may want to choose: not what it is about."""
    if not runbook:
        return {}
    declared = load_script(*read_runbook_file(runbook)).runbook.head.params
    return {name: param for name, param in declared.items() if name not in ("namespace", "target", "container")}
