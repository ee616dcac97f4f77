"""The verb locks: who holds which target, and the plan that breaks a lock whose holder is gone."""

from __future__ import annotations

import secrets
from dataclasses import replace

from vops.errors import NotFound
from vops.model.leases import LEASES, HeldLock, Lease, held_lock
from vops.model.objects import Ref
from vops.operations.observation.targets import locate, parse_target
from vops.operations.running.access import with_permissions
from vops.operations.running.locks import lease_name
from vops.operations.running.run import cluster_identity
from vops.operations.session import Session
from vops.planning.changes import delete_change
from vops.planning.plan import LIFETIME, Decision, Gate, Plan, PlannedStep, Risk

PREFIX = "vops-"


async def held_locks(session: Session) -> tuple[HeldLock, ...]:
    """Every lock of vops in the session's namespace, or everywhere; the oldest renewal first."""
    listed = await session.cluster.list(LEASES, session.settings.namespace)
    now = session.clock.now()
    found = [held_lock(item, now) for item in listed.items if isinstance(item, Lease) and _ours(item)]
    return tuple(sorted(found, key=lambda lock: -(lock.age_s or 0)))


def _ours(lease: Lease) -> bool:
    return lease.metadata.name.startswith(PREFIX)


async def plan_break(session: Session, text: str, reason: str) -> Plan:
    """The plan that deletes the lock on a target; the journal keeps the reason. Raises NotFound when it is free."""
    looking = replace(session, cluster=session.cluster.read_only())
    target = await locate(looking, parse_target(text))
    name = lease_name(target)
    locks = {item.name: item for item in await held_locks(looking) if item.namespace == target.namespace}
    lock = locks.get(name)
    if lock is None:
        raise NotFound(f"{target} is not locked", status=404, hint="vops locks lists the locks")
    now = session.clock.now()
    change = delete_change(
        Ref("Lease", name, target.namespace, lock.uid), "Break the lock", unrestorable="that the lock was held"
    )
    step = PlannedStep(
        id="break",
        kind="k8s.delete",
        title=f"Break the lock on {target}",
        decision=Decision.DO,
        why=reason,
        says=(f"held by {lock.holder}, {'not renewed any more' if lock.expired else 'and renewed just now'}",),
        changes=(change,),
        gate=Gate.NONE if lock.expired else Gate.TYPE_NAME,
    )
    plan = Plan(
        id=secrets.token_hex(6),
        runbook="locks break",
        digest="",
        title=f"Break the lock on {target}: {reason}",
        risk=Risk.LOW if lock.expired else Risk.HIGH,
        cluster=await cluster_identity(looking),
        created_at=now,
        expires_at=now + LIFETIME,
        params={"target": str(target), "reason": reason},
        steps=(step,),
    )
    return await with_permissions(looking, plan)
