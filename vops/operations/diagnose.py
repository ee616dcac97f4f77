"""The verb diagnose: observe, derive facts, ask the rules."""

from __future__ import annotations

from collections.abc import Sequence

from vops.diagnosis.diagnose import diagnose, diagnose_all
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Report
from vops.operations.observe import observe
from vops.operations.session import Session
from vops.operations.targets import Target, locate, parse_target, present


async def diagnose_targets(session: Session, texts: Sequence[str]) -> list[Report]:
    """A report for each target; for a namespace or everything, one for each replica and for what else is wrong.

    Raises UsageError for a target that cannot be read, NotFound for one that is not there.
    """
    targets = [parse_target(text) for text in texts]
    reports: list[Report] = []
    for target in targets:
        reports += await _reports(session, target)
    return reports


async def _reports(session: Session, target: Target) -> list[Report]:
    if target.is_one:
        ref = await locate(session, target)
        return [present(diagnose(Facts(await observe(session, target=ref, window_s=0)), ref))]
    namespace = target.name or session.settings.namespace
    facts = Facts(await observe(session, namespace=namespace))
    return diagnose_all(facts)
