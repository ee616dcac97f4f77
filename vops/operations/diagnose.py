"""The verb diagnose: observe, derive facts, ask the rules."""

from __future__ import annotations

from collections.abc import Sequence

from vops.diagnosis.diagnose import diagnose, diagnose_all
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Report
from vops.operations.observe import observe
from vops.operations.session import Session
from vops.operations.targets import Target, locate, parse_target, present


async def diagnose_targets(session: Session, texts: Sequence[str], *, patches: bool = False) -> list[Report]:
    """A report for each target; for a namespace or everything, one for each replica and for what else is wrong.

    With `patches` the fixes have the JSON Patch that they come to. (See vops.operations.patches.)
    Raises UsageError for a target that cannot be read, NotFound for one that is not there.
    """
    targets = [parse_target(text) for text in texts]
    reports: list[Report] = []
    for target in targets:
        reports += await _reports(session, target, patches=patches)
    return reports


async def _reports(session: Session, target: Target, *, patches: bool) -> list[Report]:
    if target.is_one:
        ref = await locate(session, target)
        snapshot = await observe(session, target=ref, window_s=0)
        reports = [present(diagnose(Facts(snapshot), ref))]
    else:
        namespace = target.name or session.settings.namespace
        snapshot = await observe(session, namespace=namespace)
        reports = diagnose_all(Facts(snapshot))
    if not patches:
        return reports
    from vops.operations.patches import with_patches  # with runbooks, which other outputs have no use for

    return await with_patches(session, snapshot, reports)
