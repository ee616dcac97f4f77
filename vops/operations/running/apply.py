"""The verb apply: a plan that was written to a file, checked against what is there before anything is written."""

from __future__ import annotations

from pathlib import Path

from vops.errors import InputError, NotFound, PlanStale
from vops.model.objects import Ref
from vops.operations.running.run import live_document
from vops.operations.session import Session
from vops.planning.changes import Change, Verb
from vops.planning.patches import Document, TestFailed
from vops.planning.plan import Plan, plan_from_json


def read_plan(path: Path) -> Plan:
    """A plan's file. Raises InputError when it cannot be read or is not a plan."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", path=str(path), hint="make one with --plan-out"
        ) from error
    return plan_from_json(data, path=str(path))


async def check_fresh(session: Session, plan: Plan) -> None:
    """Raises PlanStale, before anything is written, when a touched field or an object is not what was planned for."""
    seen: dict[Ref, Document] = {}
    for change in plan.changes:
        ref = Ref(change.target.kind, change.target.name, change.target.namespace)
        if change.verb is Verb.PATCH:
            try:
                document = seen.get(ref) or await live_document(session, ref)
            except NotFound as error:
                raise PlanStale(f"{change.target} is gone since the plan was made", hint="make a new plan") from error
            seen[ref] = _applied(change, document)


def _applied(change: Change, document: Document) -> Document:
    try:
        return change.applied_to(document)
    except TestFailed as failed:
        raise PlanStale(
            f"{change.target}: {failed.pointer} has changed since the plan was made",
            hint="nothing was changed; make a new plan",
        ) from failed
    except ValueError as error:
        raise PlanStale(f"{change.target}: {error}", hint="nothing was changed; make a new plan") from error
