"""What a plan takes away: budgets are read when it is made, and servers scraped that its maker has not looked at."""

from __future__ import annotations

import msgspec

from vops.diagnosis.facts import Facts
from vops.errors import VopsError
from vops.model.disruption import DISRUPTION_BUDGETS, PodDisruptionBudget
from vops.model.snapshot import ClusterSnapshot
from vops.operations.observation.observe import observe
from vops.operations.session import Session
from vops.operations.together import together
from vops.planning.plan import Impact, Plan
from vops.runbooks.impact import WORKLOADS, impacts


async def with_impact(session: Session, plan: Plan, snapshot: ClusterSnapshot | None = None) -> Plan:
    """The plan with its blast radius; what cannot be read is said not to be known. Issues reads only."""
    if snapshot is None:
        snapshot = await _seen(session, plan)
    if snapshot is None or not plan.changes:
        return plan
    facts = Facts(snapshot)
    found = impacts(plan.changes, facts, None)
    if not found:
        return msgspec.structs.replace(plan, impacts=())
    namespaces = dict.fromkeys(item.target.namespace for item in found)
    read = [await _budgets(session, name) for name in namespaces]
    budgets = None if None in read else [item for items in read for item in items or ()]
    planned = impacts(plan.changes, facts, budgets)
    async with together() as tasks:
        asked = [tasks.create_task(_scraped(session, plan, item)) for item in planned]
    return msgspec.structs.replace(plan, impacts=tuple(task.result() for task in asked))


async def _scraped(session: Session, plan: Plan, item: Impact) -> Impact:
    """The same with what its servers have in flight, where the plan's own look has scraped none of them."""
    if not item.gone or item.in_flight is not None:
        return item
    try:
        seen = await observe(session, target=item.target, logs=False, related=False, window_s=0)
    except VopsError:
        return item
    found = {other.target: other for other in impacts(plan.changes, Facts(seen), None)}
    fresh = found.get(item.target, item)
    return msgspec.structs.replace(item, in_flight=fresh.in_flight, unscraped=fresh.unscraped)


async def _seen(session: Session, plan: Plan) -> ClusterSnapshot | None:
    """The one workload that is changed, with a scrape of its servers; of several all, and none is scraped."""
    changed = dict.fromkeys(change.target for change in plan.changes if change.target.kind in WORKLOADS)
    namespaces = dict.fromkeys(change.target.namespace for change in plan.changes if change.target.namespace)
    if len(namespaces) != 1:
        return None
    try:
        if len(changed) == 1:
            return await observe(session, target=next(iter(changed)), logs=False, related=False, window_s=0)
        return await observe(session, namespace=next(iter(namespaces)), logs=False, metrics=False, related=False)
    except VopsError:
        return None


async def _budgets(session: Session, namespace: str) -> list[PodDisruptionBudget] | None:
    """None where they cannot be read: a plan does not depend on it."""
    try:
        found = await session.cluster.list(DISRUPTION_BUDGETS, namespace)
    except VopsError:
        return None
    return [item for item in found.items if isinstance(item, PodDisruptionBudget)]
