"""The JSON Patch that a fix comes to, for programs that read reports: what its runbook would write first.

It is planned like the runbook itself, on the object as it was read, and written by nobody. Where the object was not
read, or the runbook has to look or ask first, there is none; nor is there one that would hold an access token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from vops.diagnosis.discretion import without_secrets
from vops.diagnosis.findings import Finding, Fix, Report
from vops.errors import NotFound, VopsError
from vops.library import read_runbook_file
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.operations.running.run import live_document
from vops.operations.session import Session
from vops.planning.patches import Document
from vops.planning.plan import Identity, Plan
from vops.runbooks.asks import Unanswered
from vops.runbooks.kinds import Unread
from vops.runbooks.planner import World, bound_params, make_plan, references
from vops.runbooks.script import load_script

MOST = 16
"""How many fixes are planned for one output: each costs a read of the object that it is about."""

_ROUNDS = 8


async def with_patches(session: Session, snapshot: ClusterSnapshot, reports: Sequence[Report]) -> list[Report]:
    """Reports whose fixes have their patches, planned on the objects as they are now; the first MOST of them."""
    looking = replace(session, cluster=session.cluster.read_only())
    patches: dict[int, tuple[Document, ...]] = {}
    for fix in _with_runbook(reports)[:MOST]:
        patches[id(fix)] = await _live_patch(looking, snapshot, fix)
    return [_patched(report, patches) for report in reports]


def with_patches_of(
    documents: Mapping[Ref, Document], snapshot: ClusterSnapshot, reports: Sequence[Report]
) -> list[Report]:
    """The same without a cluster: planned on the objects of a bundle, as they were in its files."""
    found = {id(fix): _patch(fix, snapshot, documents, absent=frozenset()) for fix in _with_runbook(reports)}
    patches = {key: patch for key, patch in found.items() if not isinstance(patch, Ref)}
    return [_patched(report, patches) for report in reports]


def _with_runbook(reports: Sequence[Report]) -> list[Fix]:
    every = (fix for report in reports for finding in report.findings for fix in finding.fixes if fix.runbook)
    return list(every)


async def _live_patch(session: Session, snapshot: ClusterSnapshot, fix: Fix) -> tuple[Document, ...]:
    documents: dict[Ref, Document] = {}
    absent: frozenset[Ref] = frozenset()
    for _ in range(_ROUNDS):
        found = _patch(fix, snapshot, documents, absent)
        if not isinstance(found, Ref):
            return found
        try:
            documents[found] = await live_document(session, found)
        except NotFound:
            absent |= {found}
        except VopsError:
            return ()
    return ()


def _patch(
    fix: Fix, snapshot: ClusterSnapshot, documents: Mapping[Ref, Document], absent: frozenset[Ref]
) -> tuple[Document, ...] | Ref:
    """The patch, empty where there is none; or the object that has to be read first."""
    try:
        script = load_script(*read_runbook_file(fix.runbook))
        values = bound_params(script, fix.params)
        unread = next((ref for ref in references(script, values) if ref not in documents and ref not in absent), None)
        if unread is not None:
            return unread
        world = World(snapshot, Identity(snapshot.context), documents, absent)
        return _first_write(make_plan(script, values, world, plan_id="report"))
    except Unread as wanted:
        return wanted.ref
    except (VopsError, Unanswered):
        return ()


def _first_write(plan: Plan) -> tuple[Document, ...]:
    """What the plan does to the first object that it patches."""
    patches = [change for change in plan.changes if change.operations]
    operations = tuple(item for change in patches if change.target == patches[0].target for item in change.operations)
    written = msgspec.json.encode(operations).decode()
    return operations if without_secrets(written) == written else ()


def _patched(report: Report, patches: Mapping[int, tuple[Document, ...]]) -> Report:
    findings = tuple(_of_finding(finding, patches) for finding in report.findings)
    return msgspec.structs.replace(report, findings=findings)


def _of_finding(finding: Finding, patches: Mapping[int, tuple[Document, ...]]) -> Finding:
    fixes = tuple(msgspec.structs.replace(fix, patch=patches.get(id(fix), ())) for fix in finding.fixes)
    return msgspec.structs.replace(finding, fixes=fixes)
