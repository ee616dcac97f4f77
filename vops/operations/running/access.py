"""What these credentials may do, asked of the API server (SelfSubjectAccessReview) before anything is done.

The first calls of a run ask for all that its runbook needs whichever way it takes, and whoever lacks some is told all
of it at once, with the Role that grants it. A plan is asked about again by whoever applies it: one job may plan with
credentials that only read, and another one apply.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

import msgspec

from vops.errors import Forbidden, NotFound, Refused, Rejected
from vops.operations.session import Session
from vops.operations.together import together
from vops.planning.guards import Permission, permission_guard, permissions_for
from vops.planning.plan import Plan
from vops.runbooks.rights import planned_rights, role

GUARD = "rbac"


async def check_permissions(
    session: Session, name: str, wanted: Iterable[Permission], others: Iterable[Permission] = ()
) -> None:
    """Raises Refused naming every permission that is missing, and the Role that grants them.

    That one of `others` is missing is no reason to stop; it is asked for together with those that are.
    """
    if missing := await _missing(session, wanted):
        raise lacking(name, [*missing, *await _missing(session, others)])


async def with_permissions(session: Session, plan: Plan) -> Plan:
    """The plan with a guard for each permission that it needs, as the API server answers now."""
    answers = await _answers(session, needed(plan))
    guards = (permission_guard(item, granted=granted) for item, granted in answers.items())
    return msgspec.structs.replace(plan, guards=(*(item for item in plan.guards if item.name != GUARD), *guards))


def needed(plan: Plan) -> tuple[Permission, ...]:
    """Every permission that carrying out a plan needs, each once."""
    return tuple(dict.fromkeys((*permissions_for(plan.changes), *planned_rights(plan))))


def lacking(name: str, missing: list[Permission]) -> Refused:
    """The refusal of a run whose credentials lack permissions."""
    count = "a permission" if len(missing) == 1 else f"{len(missing)} permissions"
    return Refused(
        f"these credentials lack {count} that {name} needs: {', '.join(map(str, missing))}", hint=_way(name, missing)
    )


def _way(name: str, missing: list[Permission]) -> str:
    """What to have applied, beside what is granted already: a Role where one namespace is enough."""
    from ruamel.yaml import YAML

    places = {item.namespace for item in missing}
    namespace = next(iter(places)) if len(places) == 1 else ""
    found = role(f"missing-{name.replace(' ', '-')}", missing, namespace=namespace)
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(found, stream)
    bind = f"kubectl create rolebinding {found['metadata']['name']} -n {namespace} --role={found['metadata']['name']}"
    if not namespace:
        bind = (
            f"kubectl create clusterrolebinding {found['metadata']['name']} --clusterrole={found['metadata']['name']}"
        )
    return f"have this applied, and bound: {bind} --user=…\n{stream.getvalue()}".rstrip()


async def _missing(session: Session, wanted: Iterable[Permission]) -> list[Permission]:
    return [item for item, granted in (await _answers(session, wanted)).items() if not granted]


async def _answers(session: Session, wanted: Iterable[Permission]) -> dict[Permission, bool]:
    """Whether each is granted, all asked at the same time."""
    async with together() as tasks:
        asked = {item: tasks.create_task(_may(session, item)) for item in dict.fromkeys(wanted)}
    return {item: task.result() for item, task in asked.items()}


async def _may(session: Session, wanted: Permission) -> bool:
    try:
        return await session.cluster.can(wanted.verb, wanted.kind, wanted.namespace, subresource=wanted.subresource)
    except (Forbidden, NotFound, Rejected):
        return True  # a server that does not review access is not one that refuses it
