"""Tries every change of a plan as a dry run: the API server validates and admits it as in earnest, and keeps nothing.

A change that it refuses keeps the plan from being applied, with the server's own words. One that could not be tried (a
webhook that does not support dry runs, a permission that is missing, an object that the plan itself makes) is told as
unverified, never passed over.
"""

from __future__ import annotations

import msgspec

from vops.errors import ClusterError, Conflict, Rejected
from vops.model.objects import Ref
from vops.operations.session import Session
from vops.planning.changes import Change, Verb
from vops.planning.guards import Guard
from vops.planning.patches import Document
from vops.planning.plan import Plan

_NO_DRY_RUN = "does not support dry run"


async def tried(session: Session, plan: Plan) -> Plan:
    """The plan with a guard for every change that the API server would refuse, and what could not be tried."""
    before: dict[Ref, tuple[Document, ...]] = {}
    guards: list[Guard] = []
    unverified: list[str] = []
    for change in plan.changes:
        place = Ref(change.target.kind, change.target.name, change.target.namespace)
        before[place] = (*before.get(place, ()), *change.operations)
        try:
            await _try(session, change, before[place])
        except (Rejected, Conflict) as error:
            if _NO_DRY_RUN in str(error):
                unverified.append(f"{change.target}: an admission webhook does not support dry runs")
            else:
                instead = "see what it objects to; nothing was changed"
                guards.append(Guard("dry-run", False, f"the API server would refuse {change.target}: {error}", instead))
        except ClusterError as error:
            unverified.append(f"{change.target}: {error}")
    return msgspec.structs.replace(plan, guards=(*plan.guards, *guards), unverified=tuple(dict.fromkeys(unverified)))


async def _try(session: Session, change: Change, operations: tuple[Document, ...]) -> None:
    """One dry run; a patch together with those before it on the same object, since it builds on them."""
    target, cluster = change.target, session.cluster
    if change.verb is Verb.PATCH:
        await cluster.patch(change.kind, target.name, target.namespace, operations, dry_run=True)
    elif change.verb is Verb.APPLY:
        await cluster.apply(change.kind, change.document, manager=change.manager, dry_run=True)
    elif change.verb is Verb.DELETE:
        await cluster.delete(change.kind, target.name, target.namespace, uid=target.uid, dry_run=True)
