"""The verb handback: gives up what vops owns of objects, once the repository carries what a run has changed.

Until then the next server-side apply of another value (Helm 4, Flux) would stop on a conflict with vops. No value
changes by it. Who else owns each field is said: what nobody else owns, the repository may not carry yet.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace

from vops.errors import NotFound, Refused
from vops.model.objects import Ref
from vops.operations.observation.targets import locate, not_there, parse_one
from vops.operations.running.access import with_permissions
from vops.operations.running.dry_runs import tried
from vops.operations.running.run import cluster_identity, live_document
from vops.operations.running.runs import SETTLES, PastRun
from vops.operations.session import Session
from vops.planning.changes import Verb
from vops.planning.guards import guards_for
from vops.planning.handback import HeldField, held_fields, is_only_ours, release_change
from vops.planning.patches import Document
from vops.planning.plan import LIFETIME, Decision, Plan, PlannedStep, Risk

RUNBOOK = "handback"
_SHOWN = 6


async def plan_handback(session: Session, subject: PastRun | str) -> Plan:
    """The plan that gives up what vops owns of a target, or of all that a run has changed; issues no write.

    Raises UsageError for a target that is none, NotFound for one that is not there, Refused for what nobody else has
    written yet.
    """
    looking = replace(session, cluster=session.cluster.read_only())
    if isinstance(subject, PastRun):
        refs, about = _changed(subject), f"what run {subject.id} has changed"
    else:
        refs, about = (await _one(looking, subject),), ""
    documents = [found for ref in refs if (found := await _found(looking, ref)) is not None]
    if not documents and not isinstance(subject, PastRun):
        raise not_there(refs[0].kind, refs[0].name, refs[0].namespace)
    steps = tuple(_step(document, number) for number, document in enumerate(documents, 1))
    _check_carried(documents, steps)
    now = session.clock.now()
    plan = Plan(
        id=secrets.token_hex(6),
        runbook=RUNBOOK,
        digest="",
        title=f"Hand back {about or refs[0]}",
        risk=Risk.LOW,
        cluster=await cluster_identity(looking),
        created_at=now,
        expires_at=now + LIFETIME,
        params={SETTLES: subject.id} if isinstance(subject, PastRun) else {"target": subject},
        locks=refs if not isinstance(subject, PastRun) else subject.plan.locks,
        steps=steps,
        guards=tuple(dict.fromkeys(guard for document in documents for guard in guards_for(document, ()))),
        impacts=(),
    )
    plan = await with_permissions(looking, plan)
    return plan if plan.blocked else await tried(looking, plan)


async def _one(session: Session, text: str) -> Ref:
    target = parse_one(text, "hand back one POD, deploy/NAME or sts/NAME at a time")
    return await locate(session, target)


def _changed(run: PastRun) -> tuple[Ref, ...]:
    """The objects that a run has patched or applied."""
    places = (change.target for change in run.written if change.verb in (Verb.PATCH, Verb.APPLY))
    return tuple(dict.fromkeys(Ref(ref.kind, ref.name, ref.namespace) for ref in places))


async def _found(session: Session, ref: Ref) -> Document | None:
    try:
        return await live_document(session, ref)
    except NotFound:
        return None


def _check_carried(documents: Iterable[Document], steps: Iterable[PlannedStep]) -> None:
    """Raises Refused when vops alone has written all that there would be to hand back."""
    alone = [_name(document) for document in documents if is_only_ours(document)]
    if alone and not any(step.changes for step in steps):
        raise Refused(
            f"nobody but vops has written {', '.join(alone)}, so no repository carries it yet",
            hint="let the repository apply it first, with the same values; then hand it back",
        )


def _name(document: Document) -> str:
    return f"{document['kind'].lower()}/{document['metadata']['name']}"


def _step(document: Document, number: int) -> PlannedStep:
    name, alone = _name(document), is_only_ours(document)
    change = None if alone else release_change(document, f"Give up what vops owns of {name}")
    return PlannedStep(
        id=f"release{number}",
        kind="k8s.patch",
        title=f"Give up what vops owns of {name}",
        decision=Decision.DONE if change is None else Decision.DO,
        why="A server-side apply of another value would stop on a conflict with vops",
        because=("nobody else has written it yet" if alone else "vops owns none of its fields")
        if change is None
        else "",
        says=() if alone else tuple(_said(held_fields(document))),
        changes=() if change is None else (change,),
        undo=False,
    )


def _said(fields: Iterable[HeldField]) -> Iterable[str]:
    """Who keeps the fields from now on, those first that nobody does."""
    alone = [item.path for item in fields if not item.others]
    if alone:
        yield f"Nobody else owns {_some(alone)}: the repository may not carry it yet, and then may put it back."
    owners = sorted({name for item in fields for name in item.others})
    if owners:
        shared = [item.path for item in fields if item.others]
        yield f"{', '.join(owners)} owns {_some(shared)} as well."


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more
