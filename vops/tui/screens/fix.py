"""The fix of a subject: what is wrong, and the plan that makes it right; of a slow start, what would spare the next."""

from __future__ import annotations

from vops.diagnosis.findings import Fix
from vops.diagnosis.starting.seeds import offered
from vops.errors import PlanStale
from vops.library import read_runbook_file
from vops.model.objects import Ref
from vops.operations.fix import FixPlan, plan_fix
from vops.operations.running.run import plan_run
from vops.operations.session import Session
from vops.render.flow import finding_lines, manual_lines
from vops.render.headline import subject_title
from vops.render.plan import plan_lines
from vops.render.report import report_lines
from vops.render.text import Line, Span, Tone, line
from vops.runbooks.params import Param
from vops.runbooks.script import load_script
from vops.tui.screens.base import SubjectScreen
from vops.tui.screens.plan import COPIES, UNFOLDED, Planned, PlanScreen


class FixScreen(PlanScreen, SubjectScreen):
    """Diagnoses and plans when it opens."""

    crumb = "fix"

    def __init__(self, ref: Ref, cause: str = "") -> None:
        super().__init__(ref)
        self._cause = cause

    def heading(self) -> Line:
        return subject_title("fix", self.ref)

    async def make_plan(self, session: Session) -> Planned:
        offer = self._offer
        if offer is not None and self.given:
            plan = await plan_run(session, offer.runbook, {**offer.params, **self.given})
            return Planned(plan_lines(plan), plan, offer.runbook, _declared(offer.runbook), offer.params)
        found = await plan_fix(session, self.ref, cause=self._cause, params=self.given)
        self._check_same(found)
        if offer is not None and found.finding is None:
            lines = [*_lines(found), (), *_offer_lines(offer)]
            return Planned(lines, None, offer.runbook, _declared(offer.runbook), offer.params)
        runbook, values = (found.fix.runbook, found.fix.params) if found.fix else ("", {})
        return Planned(_lines(found), found.plan, runbook, _declared(runbook), values)

    @property
    def _offer(self) -> Fix | None:
        """What would help the next time, as far as the newest picture tells."""
        facts = self.ops.picture.facts if self.ops.picture else None
        replica = facts.replica(self.ref.namespace, self.ref.name) if facts and self.ref.kind == "Pod" else None
        return next(iter(offered(replica)), None) if replica is not None else None

    def _check_same(self, found: FixPlan) -> None:
        """What the key was pressed on is what the plan is for. Raises PlanStale."""
        seen = found.report.subject.uid
        if self.ref.uid and seen and seen != self.ref.uid:
            raise PlanStale(f"{self.ref} has been replaced by another of its name", hint="go back and look again")


def _lines(found: FixPlan) -> list[Line]:
    lines = finding_lines(found.finding) if found.finding else report_lines(found.report)
    if found.plan is not None:
        return [*lines, (), *plan_lines(found.plan, hint=COPIES, width=UNFOLDED)]
    if found.fix is not None:
        return [*lines, (), *manual_lines(found.fix)]
    return [*lines, (), (Span("nothing that vops could change would help", Tone.WARN),)] if found.finding else lines


def _offer_lines(offer: Fix) -> list[Line]:
    """What a person may want though nothing is wrong."""
    return [line(Span("p  ", Tone.ACCENT), Span(offer.title)), *(line(f"   {step}") for step in offer.steps)]


def _declared(runbook: str) -> dict[str, Param]:
    """The parameters of a runbook that a person may want to choose: not what it is about."""
    if not runbook:
        return {}
    declared = load_script(*read_runbook_file(runbook)).runbook.head.params
    return {name: param for name, param in declared.items() if name not in ("namespace", "target", "container")}
