"""GitOps reconcilers that a run of vops has paused and that still are: who, for how long, and how to let them go on.

A run lets them go on at its end, whatever happens (vops.operations.running.gitops), but a killed process cannot. So a
pause says on the paused object itself until when, by which run, and what stood there: whoever looks next is told, and
`vops undo` of that run lets it go on even where its journal is lost.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from vops.errors import ClusterError, Refused
from vops.model.gitops import APPLICATIONS, FLUX_PAUSES, PAUSED_BY, PAUSED_UNTIL, PAUSED_WAS
from vops.model.leases import LEASES, Lease, held_lock
from vops.model.objects import Kind, Meta, Ref
from vops.model.resources import DEPLOYMENTS, STATEFULSETS, Workload
from vops.operations.running.access import with_permissions
from vops.operations.running.dry_runs import tried
from vops.operations.running.run import cluster_identity, live_document
from vops.operations.running.runs import SETTLES
from vops.operations.session import Session
from vops.planning.changes import Change, patch_change
from vops.planning.patches import Document, Edit
from vops.planning.plan import LIFETIME, Decision, Plan, PlannedStep, Risk
from vops.planning.pointers import ABSENT, join

TRACKED = "argocd.argoproj.io/tracking-id"


class Pause(msgspec.Struct, frozen=True):
    """One standing pause: on which object, by which run, until when, and whether anybody will end it."""

    ref: Ref
    run: str
    until: datetime | None
    overdue: bool
    abandoned: bool = False

    @property
    def is_left(self) -> bool:
        """Whether nobody will end it by himself."""
        return self.overdue or self.abandoned

    def __str__(self) -> str:
        when = "for an unknown time" if self.until is None else f"until {self.until:%H:%M} UTC"
        over = ", which is over" if self.overdue else ", and that run does not go on" if self.abandoned else ""
        return f"GitOps is paused on {self.ref} by run {self.run or 'of somebody'} {when}{over}"

    @property
    def next_step(self) -> str:
        """How to end it, once its run does not go on any more."""
        return f"vops resume {self.run}, or vops undo {self.run}" if self.run else "see who has paused it, and why"


async def standing_pauses(session: Session, workloads: Iterable[Workload] | None = None) -> tuple[Pause, ...]:
    """Every pause that may be seen, those that nobody will end first.

    With the `workloads` of a snapshot they are not listed again, and Applications only where one of them is tracked.
    """
    now = session.clock.now()
    namespace = session.settings.namespace
    kinds = [DEPLOYMENTS, STATEFULSETS] if workloads is None else []
    found = [item for kind in kinds async for item in _paused(session, kind, namespace, now)]
    known = list(workloads or ())
    found += [pause for item in known for pause in _pause(item.kind, item.metadata, now)]
    if workloads is None or any(TRACKED in item.metadata.annotations for item in known):
        found += [item async for item in _paused(session, APPLICATIONS, "", now)]
    told = [msgspec.structs.replace(item, abandoned=not await _goes_on(session, item, now)) for item in found]
    return tuple(sorted(told, key=lambda pause: not pause.is_left))


async def _goes_on(session: Session, pause: Pause, now: datetime) -> bool:
    """Whether a run holds a lock, and so will end its pause; yes where locks may not be seen."""
    try:
        listed = await session.cluster.list(LEASES)
    except ClusterError:
        return True
    locks = [held_lock(item, now) for item in listed.items if isinstance(item, Lease)]
    return any(lock.holder.endswith(f"/{pause.run}") and not lock.expired for lock in locks)


async def _paused(session: Session, kind: Kind, namespace: str, now: datetime) -> Any:
    """The pauses on objects of a kind; none where these may not be listed."""
    try:
        listed = await session.cluster.list(kind, namespace)
    except ClusterError:
        return
    for item in listed.items:
        for pause in _pause(kind.kind, item.metadata, now):
            yield pause


def _pause(kind: str, meta: Meta, now: datetime) -> Iterator[Pause]:
    if PAUSED_UNTIL not in meta.annotations:
        return
    until = _time(meta.annotations[PAUSED_UNTIL])
    ref = Ref(kind, meta.name, meta.namespace)
    yield Pause(ref, meta.annotations.get(PAUSED_BY, ""), until, until is None or now > until)


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else None


# --- letting go --------------------------------------------------------------------------------------------


async def plan_release(session: Session, run_id: str) -> Plan | None:
    """The plan that ends the pauses of a run from what stands on the paused objects; None when there are none.

    Raises Refused for a pause that does not say what stood there before.
    """
    looking = replace(session, cluster=session.cluster.read_only())
    pauses = [pause for pause in await standing_pauses(looking) if pause.run == run_id]
    if not pauses:
        return None
    steps = [await _step(looking, pause, number) for number, pause in enumerate(pauses, 1)]
    now = session.clock.now()
    plan = Plan(
        id=secrets.token_hex(6),
        runbook="undo",
        digest="",
        title=f"Let GitOps go on, which run {run_id} has paused",
        risk=Risk.LOW,
        cluster=await cluster_identity(looking),
        created_at=now,
        expires_at=now + LIFETIME,
        params={SETTLES: run_id},
        locks=tuple(pause.ref for pause in pauses),
        steps=tuple(steps),
    )
    return await tried(looking, await with_permissions(looking, plan))


async def _step(session: Session, pause: Pause, number: int) -> PlannedStep:
    change = released(await live_document(session, pause.ref), f"Let GitOps of {pause.ref} go on")
    return PlannedStep(
        id=f"release{number}",
        kind="k8s.patch",
        title=change.summary,
        decision=Decision.DO,
        why="A pause that is forgotten is worse than none",
        says=("What else that run has changed is not known here, and stays.",),
        changes=(change,),
        undo=False,
    )


def released(document: Document, summary: str) -> Change:
    """What ends a pause, from what stands on the paused object. Raises Refused when that does not tell."""
    annotations = document["metadata"].get("annotations") or {}
    ours = [name for name in (PAUSED_UNTIL, PAUSED_BY, PAUSED_WAS) if name in annotations]
    flux = [name for name, value in FLUX_PAUSES.values() if annotations.get(name) == value]
    edits = [Edit(join(("metadata", "annotations", name))) for name in (*flux, *ours)]
    if document["kind"] == APPLICATIONS.kind:
        edits.insert(0, Edit("/spec/syncPolicy/automated", _was(document, annotations)))
    change = patch_change(document, edits, summary)
    if change is None:
        raise Refused(f"{document['kind']} {document['metadata']['name']} is not paused any more")
    return change


def _was(document: Document, annotations: Document) -> Any:
    """The automated sync as it was before the pause."""
    present = (document.get("spec", {}).get("syncPolicy") or {}).get("automated", ABSENT)
    if present is not ABSENT:
        return present
    try:
        found = msgspec.json.decode(annotations.get(PAUSED_WAS, ""))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(
            f"Application {document['metadata']['name']} does not say how it was synced before",
            hint="switch its automated sync on again by hand",
        )
    return found
