"""The verb undo: a plan that takes back what a run has changed; shown, guarded and journalled like any other."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace

from vops.errors import NotFound, Refused
from vops.model.objects import Ref
from vops.operations.running.access import with_permissions
from vops.operations.running.dry_runs import tried
from vops.operations.running.gitops import softened
from vops.operations.running.impact import with_impact
from vops.operations.running.run import cluster_identity, live_document
from vops.operations.running.runs import SETTLES, PastRun
from vops.operations.session import Session
from vops.planning.changes import Change, Verb
from vops.planning.guards import Guard, guards_for
from vops.planning.ownership import Owner, owners
from vops.planning.patches import Document
from vops.planning.plan import LIFETIME, Decision, OnFail, Plan, PlannedStep, Risk
from vops.planning.undoing import Reverse, reversed_change

_ROLLOUT_S = 900.0
_ROLLED_OUT = frozenset({"Deployment", "StatefulSet"})


async def plan_undo(session: Session, run: PastRun) -> Plan:
    """The plan that takes back `run`, the last change first; issues no write.

    Raises Refused when the run has changed nothing, or nothing of it can be taken back.
    """
    if not run.written:
        raise Refused(f"run {run.id} has changed nothing, so there is nothing to take back")
    looking = replace(session, cluster=session.cluster.read_only())
    documents = await _documents(looking, run.written)
    steps = tuple(_steps(run, documents))
    changes = [change for step in steps for change in step.changes]
    if not changes:
        kept = "; ".join(text for step in steps for text in step.says)
        raise Refused(f"nothing of run {run.id} is left to take back{': ' if kept else ''}{kept}")
    now = session.clock.now()
    claims = _claims(changes, documents)
    plan = Plan(
        id=secrets.token_hex(6),
        runbook="undo",
        digest=run.plan.digest,
        title=f"Undo {run.plan.title} ({run.id})",
        risk=Risk.MEDIUM,
        cluster=await cluster_identity(looking),
        created_at=now,
        expires_at=now + LIFETIME,
        params={SETTLES: run.id},
        locks=run.plan.locks,
        steps=(*steps, *_rollouts(changes)),
        guards=tuple(dict.fromkeys(_guard(run, guard) for _, guards in claims for guard in guards)),
        owners=tuple(dict.fromkeys(owner for found, _ in claims for owner in found)),
    )
    plan = await with_impact(looking, await with_permissions(looking, plan))
    return plan if plan.blocked else await tried(looking, plan)


async def _documents(session: Session, changes: Iterable[Change]) -> dict[Ref, Document]:
    """The changed objects as they are now; those that are gone are left out."""
    found = {}
    for ref in dict.fromkeys(_place(change) for change in changes):
        try:
            found[ref] = await live_document(session, ref)
        except NotFound:
            continue
    return found


def _steps(run: PastRun, documents: dict[Ref, Document]) -> Iterator[PlannedStep]:
    """One step for each change, the last first, each seeing what those before it leave."""
    kept_by_runbook = {change for step in run.plan.steps if not step.undo for change in map(id, step.changes)}
    current = dict(documents)
    for number, change in enumerate(reversed(run.written), 1):
        ref = _place(change)
        if id(change) in kept_by_runbook:
            reverse = Reverse(None, (f"{change.target}: the runbook keeps this change",))
        elif ref not in current:
            reverse = Reverse(None, (f"{change.target} is gone",))
        else:
            reverse = reversed_change(current[ref], change)
        changes = () if reverse.change is None else (reverse.change,)
        for item in changes:
            if item.verb is Verb.PATCH:
                current[ref] = item.applied_to(current[ref])
        yield PlannedStep(
            id=f"undo{number}",
            kind="k8s.patch",
            title=f"Take back: {change.summary}",
            decision=Decision.DO if changes else Decision.DONE,
            because="" if changes else "nothing to do",
            says=reverse.kept,
            changes=changes,
        )


def _rollouts(changes: Iterable[Change]) -> Iterator[PlannedStep]:
    """A wait for each workload whose pods are made anew."""
    refs = dict.fromkeys(
        _place(change)
        for change in changes
        if change.target.kind in _ROLLED_OUT and any(path.startswith("/spec/template") for path in change.touched)
    )
    for number, ref in enumerate(refs, 1):
        yield PlannedStep(
            id=f"rollout{number}",
            kind="k8s.rolloutStatus",
            title=f"Wait for the rollout of {ref.kind.lower()}/{ref.name}",
            decision=Decision.DO,
            args={"ref": {"kind": ref.kind, "name": ref.name, "namespace": ref.namespace}},
            timeout_s=_ROLLOUT_S,
            on_fail=OnFail.CONTINUE,
        )


def _claims(
    changes: Iterable[Change], documents: dict[Ref, Document]
) -> list[tuple[tuple[Owner, ...], tuple[Guard, ...]]]:
    """Who owns what is touched, and what has to hold before it is."""
    found = []
    for change in changes:
        document = documents[_place(change)]
        claimed = owners(document, change.touched)
        found.append((claimed, guards_for(document, claimed)))
    return found


def _guard(run: PastRun, guard: Guard) -> Guard:
    """The guard, which holds for an owner that the run has left paused: that is taken back last."""
    return softened(guard) if run.pauses else guard


def _place(change: Change) -> Ref:
    """The object whatever its incarnation."""
    return Ref(change.target.kind, change.target.name, change.target.namespace)
