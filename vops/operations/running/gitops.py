"""A change beside GitOps: its reconciler is paused first, and let go again at the end, come what may.

Offered for what would be reverted otherwise, and only when it is asked for. In between a person puts the same change
into the repository; afterwards the object is watched for whoever reverts it. The narrowest pause is taken: an
annotation on the one object for Flux, and for Argo CD the automated sync of the one Application.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from vops.errors import NotFound, Refused
from vops.model.gitops import APPLICATIONS, FLUX_PAUSES, PAUSED_BY, PAUSED_UNTIL, PAUSED_WAS
from vops.model.objects import Ref
from vops.operations.running.access import with_permissions
from vops.operations.running.run import live_document
from vops.operations.running.runs import PAUSING
from vops.operations.session import Session
from vops.planning.changes import Change, patch_change
from vops.planning.guards import Guard
from vops.planning.ownership import Owner, OwnerKind
from vops.planning.patches import Document, Edit
from vops.planning.plan import Decision, Gate, Plan, PlannedStep
from vops.planning.pointers import ABSENT, join, lookup, split

LONGEST = timedelta(hours=1)
"""When the pause should be over at the latest; written onto what is paused."""
SOAK_S = 60.0


async def with_pause(session: Session, plan: Plan) -> Plan:
    """The plan with its GitOps owners paused meanwhile; the same plan when it has none.

    Raises Refused for an owner that vops cannot pause.
    """
    owners = [item for item in plan.owners if item.reverts and item.kind in (OwnerKind.ARGO_CD, OwnerKind.FLUX)]
    if not owners or not plan.changes:
        return plan
    looking = replace(session, cluster=session.cluster.read_only())
    pauses = [await _pause(looking, plan, owner) for owner in owners]
    changed = tuple(dict.fromkeys(_place(change.target) for change in plan.changes))
    steps = (
        *(_step(f"pause{number}", pause, section="steps") for number, (pause, _) in enumerate(pauses, 1)),
        *plan.steps,
        _commit(owners),
        *(_step(f"unpause{number}", release, section="always") for number, (_, release) in enumerate(pauses, 1)),
        *(_soak(ref, number) for number, ref in enumerate(changed, 1) if ref.kind in ("Deployment", "StatefulSet")),
    )
    guards = tuple(softened(guard) for guard in plan.guards if guard.name != "rbac")
    return await with_permissions(looking, msgspec.structs.replace(plan, steps=steps, guards=guards))


def _place(ref: Ref) -> Ref:
    return Ref(ref.kind, ref.name, ref.namespace)


async def _pause(session: Session, plan: Plan, owner: Owner) -> tuple[Change, Change]:
    """What pauses an owner, and what lets it go on."""
    until = plan.created_at + LONGEST
    if owner.kind is OwnerKind.ARGO_CD:
        document = await _application(session, owner.name)
        was = msgspec.json.encode(document["spec"]["syncPolicy"]["automated"], order="sorted").decode()
        marks = {PAUSED_BY: plan.run_id, PAUSED_WAS: was}
        edits = [Edit("/spec/syncPolicy/automated", ABSENT), *_annotated(document, until, marks)]
    else:
        document = await live_document(session, _place(plan.changes[0].target))
        name, value = FLUX_PAUSES[owner.name.partition(" ")[0]]
        edits = _annotated(document, until, {name: value, PAUSED_BY: plan.run_id})
    pause = patch_change(document, edits, f"Pause {owner.kind} {owner.name} until {until:%H:%M} UTC")
    if pause is None:
        raise Refused(f"{owner.kind} {owner.name} is paused already", hint="see who has paused it, and why")
    paused = pause.applied_to(document)
    back = [Edit(edit.pointer, lookup(document, split(edit.pointer))) for edit in edits]
    release = patch_change(paused, back, f"Let {owner.kind} {owner.name} go on")
    if release is None:
        raise Refused(f"{owner.kind} {owner.name} could not be let go again")
    return pause, release


def _annotated(document: Document, until: datetime, more: Mapping[str, str]) -> list[Edit]:
    """Annotations added, the deadline among them."""
    wanted = {**more, PAUSED_UNTIL: until.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if isinstance(lookup(document, ("metadata", "annotations")), dict):
        return [Edit(join(("metadata", "annotations", name)), value) for name, value in wanted.items()]
    return [Edit("/metadata/annotations", wanted)]


async def _application(session: Session, name: str) -> Document:
    """The Application of that name, wherever Argo CD keeps it. Raises Refused when there is not exactly one."""
    try:
        listed = await session.cluster.list(APPLICATIONS)
    except NotFound as error:
        raise Refused(f"the cluster knows no Argo CD Applications, so {name!r} cannot be paused") from error
    found = [item.metadata for item in listed.items if item.metadata.name == name]
    if len(found) != 1:
        raise Refused(f"there are {len(found)} Applications {name!r}", hint="pause the right one by hand")
    document = await live_document(session, Ref("Application", name, found[0].namespace))
    if not (document.get("spec", {}).get("syncPolicy") or {}).get("automated"):
        raise Refused(
            f"Argo CD application {name!r} does not sync by itself, so there is nothing to pause",
            hint="put the change into the repository: -o yaml prints it",
        )
    return document


def _step(step_id: str, change: Change, *, section: str) -> PlannedStep:
    return msgspec.convert(
        {
            "id": step_id,
            "kind": "k8s.patch",
            "title": change.summary,
            "decision": Decision.DO,
            "why": "It would put its own version back" if section == "steps" else "A pause that is forgotten is worse",
            "changes": msgspec.to_builtins((change,)),
            "block": PAUSING,
            "section": section,
            "undo": section == "steps",
            "retries": 5,
        },
        PlannedStep,
    )


def _commit(owners: Sequence[Owner]) -> PlannedStep:
    """What only a person can do meanwhile."""
    where = "; ".join(owner.instead for owner in owners)
    return PlannedStep(
        id="commit",
        kind="instruct",
        title="Put the change into the repository before it is reconciled again",
        decision=Decision.DO,
        says=(f"{where[:1].upper()}{where[1:]}. The same command with -o yaml prints the patch for it.",),
        gate=Gate.INSTRUCT,
    )


def _soak(ref: Ref, number: int) -> PlannedStep:
    args = {"ref": {"kind": ref.kind, "name": ref.name, "namespace": ref.namespace}, "for": SOAK_S, "failWhen": "false"}
    return PlannedStep(
        id=f"kept{number}",
        kind="soak",
        title="See whether the change is kept",
        decision=Decision.DO,
        args=args,
        timeout_s=SOAK_S * 2,
    )


def softened(guard: Guard) -> Guard:
    """The guard of an owner that is paused meanwhile."""
    if guard.name != "owner" or guard.holds:
        return guard
    return msgspec.structs.replace(guard, holds=True, detail=f"{guard.detail}; it is paused meanwhile")
