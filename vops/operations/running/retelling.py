"""A plan that came from a file or from the cluster, told anew: its diffs made from its requests, not from its words.

Whoever could write the file could let it show one thing and send another. So what a person is asked to agree to is
worked out here from the bodies that will be sent, on the objects as they are. Titles and summaries stay the file's.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from vops.errors import NotFound, PlanStale
from vops.model.objects import Ref
from vops.model.secrets import mask
from vops.operations.session import Session
from vops.planning.changes import Change, Verb, is_known, kind_of, projection
from vops.planning.excerpts import excerpts
from vops.planning.patches import Document, TestFailed
from vops.planning.plan import Plan


async def retold(session: Session, plan: Plan) -> Plan:
    """The plan with every diff as its requests and the objects give it. Reads only.

    Raises PlanStale for kinds of objects that vops does not know, and what keeps the objects from being read.
    """
    if unknown := sorted({change.target.kind for change in plan.changes if not is_known(change.target)}):
        raise PlanStale(f"the plan changes what this vops does not know: {', '.join(unknown)}", hint="make a new plan")
    looking = replace(session, cluster=session.cluster.read_only())
    live: dict[Ref, Document | None] = {}
    for change in plan.changes:
        ref = _place(change)
        if ref not in live:
            live[ref] = await _found(looking, ref)
    steps = []
    for step in plan.steps:
        changes = tuple(_retold(change, live) for change in step.changes)
        steps.append(msgspec.structs.replace(step, changes=changes))
    return msgspec.structs.replace(plan, steps=tuple(steps))


def _place(change: Change) -> Ref:
    return Ref(change.target.kind, change.target.name, change.target.namespace)


async def _found(session: Session, ref: Ref) -> Document | None:
    kind = kind_of(ref)
    try:
        found = await session.cluster.get(kind, ref.name, ref.namespace)
    except NotFound:
        return None
    return {"apiVersion": kind.api_version, "kind": kind.kind, **found}


def _retold(change: Change, live: dict[Ref, Document | None]) -> Change:
    """One change, seen on the object as those before it leave it."""
    ref = _place(change)
    document = live[ref]
    if change.verb is Verb.APPLY:
        before = {} if document is None else mask(projection(document, change.document))
        return msgspec.structs.replace(change, before=before, after=mask(change.document))
    if change.verb is not Verb.PATCH:
        return change
    try:
        after = change.applied_to(document or {})
    except (TestFailed, ValueError):
        return msgspec.structs.replace(change, before={}, after=_as_sent(change))
    live[ref] = after
    shown = excerpts(document or {}, after, change.touched)
    return msgspec.structs.replace(change, before=shown[0], after=shown[1])


def _as_sent(change: Change) -> Document:
    """What a patch writes, place by place, where the object is not as it was (it may have landed already)."""
    written = (item for item in change.operations if item["op"] != "test")
    shown: Document = mask({str(item["path"]): item.get("value", f"({item['op']})") for item in written})
    return shown
