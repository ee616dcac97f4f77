"""The verb fix: diagnoses a subject and plans the fix of its first finding; vops.operations.running.run applies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vops.diagnosis.findings import Applicability, Finding, Fix, Report
from vops.errors import UsageError
from vops.model.objects import Ref
from vops.operations.diagnose import look_closely
from vops.operations.running.run import plan_run
from vops.operations.session import Session
from vops.planning.plan import Plan


@dataclass(frozen=True)
class FixPlan:
    """A diagnosis and what would fix it.

    `finding` is None when there is nothing to fix; `fix` is None when nothing is known that would; `plan` is None for
    these, and for a manual fix, whose `steps` say what to do.
    """

    report: Report
    finding: Finding | None = None
    fix: Fix | None = None
    plan: Plan | None = None


async def plan_fix(
    session: Session, subject: Ref, *, cause: str = "", params: Mapping[str, Any] | None = None
) -> FixPlan:
    """Diagnoses `subject` and plans the fix of the root cause, or of `cause`; `params` add to those of the fix.

    Raises UsageError when `cause` is not among the findings, and what vops.operations.running.run.plan_run raises.
    """
    looking = replace(session, cluster=session.cluster.read_only())
    snapshot, report = await look_closely(looking, subject)
    finding = _chosen(report, cause)
    fix = _preferred(finding) if finding else None
    if finding is None or fix is None or fix.applicability is Applicability.MANUAL:
        return FixPlan(report, finding, fix)
    plan = await plan_run(looking, fix.runbook, {**fix.params, **(params or {})}, snapshot=snapshot)
    return FixPlan(report, finding, fix, plan)


def _chosen(report: Report, cause: str) -> Finding | None:
    """The finding to fix: that of `cause`, else the first that offers a fix and is no guess, else the first."""
    if not cause:
        offers = (item for item in report.findings if item.fixes and not item.guessed)
        return next(offers, next(iter(report.findings), None))
    found = next((item for item in report.findings if item.cause == cause), None)
    if found is None:
        known = ", ".join(dict.fromkeys(item.cause for item in report.findings)) or "none"
        raise UsageError(f"{report.subject} has no finding with the cause {cause!r}", hint=f"found: {known}")
    return found


def _preferred(finding: Finding) -> Fix | None:
    """A fix that vops can carry out, else the first."""
    return next((fix for fix in finding.fixes if fix.runbook), next(iter(finding.fixes), None))
