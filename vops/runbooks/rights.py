"""What a runbook needs to be allowed to do, as far as its file tells: for a Role, and for asking before it is run.

A step kind says it in RIGHTS, as `VERB RESOURCE`: a plural such as `pods` or `pods/eviction`, or `ref` for whatever
kind the step's `ref` may be, `objects` for what it applies; in PERHAPS what only some of its uses need. Before a run
is planned, those are asked for that it needs in any case (`sure_rights`); what only a plan knows, when there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vops.model.kinds import KINDS
from vops.model.leases import LEASES
from vops.model.objects import Kind
from vops.planning.guards import Permission
from vops.planning.plan import Decision, OnFail, Plan, PlannedStep
from vops.runbooks.kinds import Group, discover
from vops.runbooks.maybe import is_always_taken
from vops.runbooks.params import Param
from vops.runbooks.schema import Runbook, Step

_BY_PLURAL = {kind.plural: kind for kind in KINDS}
_BY_NAME = {kind.kind: kind for kind in KINDS}
OBSERVING = (
    *(f"list {plural}" for plural in ("pods", "nodes", "events", "deployments", "replicasets", "statefulsets")),
    "get pods",
    "get pods/log",
    "get pods/proxy",
)
"""What making a plan and looking again read."""
_LOCKING = ("get", "create", "patch", "delete")


def rights(runbook: Runbook) -> tuple[Permission, ...]:
    """Every permission that the file tells of, each once: to look, to lock, and for each step."""
    found = dict.fromkeys(_resolved(word, {}, {}) for word in OBSERVING)
    if runbook.head.lock:
        found |= dict.fromkeys((Permission(verb, LEASES),) for verb in _LOCKING)
    for step in runbook.steps:
        words = (*step.kind.rights, *step.kind.perhaps)
        found |= dict.fromkeys(_resolved(word, step.args, runbook.head.params) for word in words)
    return tuple(dict.fromkeys(item for group in found for item in group))


def sure_rights(runbook: Runbook, values: Mapping[str, Any], namespace: str) -> tuple[Permission, ...]:
    """What carrying it out with these parameters needs whichever way it takes, each where it is needed.

    `namespace` is where it looks for what no `ref` and no parameter places.
    """
    home = _home(runbook, values, namespace)
    found = [Permission("list", _BY_PLURAL["pods"], home)]
    found += [Permission("get", *_placed(ref)) for ref in _bound(values)]
    for at, step in enumerate(runbook.steps):
        if is_always_taken(runbook.steps, at):
            found += _rights_of(step.kind.rights, _filled(step.args, values), home)
    return tuple(dict.fromkeys(found))


def other_rights(runbook: Runbook, values: Mapping[str, Any], namespace: str) -> tuple[Permission, ...]:
    """What some of its ways need besides: the lock, and the steps that may be skipped or may fail."""
    home = _home(runbook, values, namespace)
    found = [Permission(verb, LEASES, home) for verb in _LOCKING if runbook.head.lock]
    for step in runbook.steps:
        found += _rights_of((*step.kind.rights, *step.kind.perhaps), _filled(step.args, values), home)
    sure = sure_rights(runbook, values, namespace)
    return tuple(item for item in dict.fromkeys(found) if item not in sure)


def planned_rights(plan: Plan) -> tuple[Permission, ...]:
    """What the steps of a plan need that wait and measure; a failure of those that may fail is no reason to stop."""
    home = next((ref.namespace for ref in plan.locks if ref.namespace), "")
    found = [item for step in plan.steps if _has_to_go_well(step) for item in _of_planned(step, home)]
    return tuple(dict.fromkeys(found))


def looks_only(permission: Permission) -> bool:
    """Whether it changes nothing: what making a plan needs."""
    return permission.verb in ("get", "list", "watch")


def untold(runbook: Runbook) -> tuple[str, ...]:
    """The steps that apply objects which are known only when there is a plan."""
    return tuple(step.id for step in runbook.steps if _applies_unknown(step))


def role(name: str, permissions: Iterable[Permission], *, namespace: str = "") -> dict[str, Any]:
    """A ClusterRole with exactly these permissions, or a Role in a namespace."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for item in permissions:
        known = verbs.setdefault((item.kind.group, item.resource), [])
        known += [item.verb] if item.verb not in known else []
    rules = [{"apiGroups": [group], "resources": [plural], "verbs": found} for (group, plural), found in verbs.items()]
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role" if namespace else "ClusterRole"}
    metadata = {"name": f"vops-{name}"} | ({"namespace": namespace} if namespace else {})
    return {**kind, "metadata": metadata, "rules": rules}


def _resolved(word: str, args: Mapping[str, Any], params: Mapping[str, Param]) -> tuple[Permission, ...]:
    verb, _, resource = word.partition(" ")
    plural, _, subresource = resource.partition("/")
    if plural == "ref":
        return tuple(Permission(verb, kind) for kind in _kinds_of(args.get("ref"), params))
    if plural == "objects":
        return tuple(Permission(verb, kind) for kind in _applied(args))
    return (Permission(verb, _BY_PLURAL[plural], subresource=subresource),)


def _kinds_of(ref: Any, params: Mapping[str, Param]) -> Iterator[Kind]:
    """The kinds that a `ref` may have: those of its parameter, or the one that is written there."""
    if isinstance(ref, Mapping):
        names = [str(ref.get("kind"))]
    else:
        param = params.get(str(ref).removeprefix("${params.").removesuffix("}"))
        names = [item.rpartition("/")[2] for item in param.kinds] if param else []
    yield from (_BY_NAME[name] for name in names if name in _BY_NAME)


def _has_to_go_well(step: PlannedStep) -> bool:
    return step.decision is Decision.DO and step.on_fail is not OnFail.CONTINUE and step.section == "steps"


def _of_planned(step: PlannedStep, home: str) -> list[Permission]:
    kind = discover().get(step.kind)
    return _rights_of(kind.rights, step.args, home) if kind and kind.group is Group.WAIT else []


def _rights_of(words: Iterable[str], args: Mapping[str, Any], home: str) -> list[Permission]:
    """The permissions that words come to where their objects are known."""
    ref = args.get("ref")
    is_known = isinstance(ref, Mapping) and str(ref.get("kind")) in _BY_NAME
    of_ref, where = _placed(ref) if isinstance(ref, Mapping) and is_known else (None, home)
    found = []
    for word in words:
        verb, _, resource = word.partition(" ")
        plural, _, subresource = resource.partition("/")
        if plural == "ref":
            found += [Permission(verb, of_ref, where)] if of_ref else []
        elif plural == "objects":
            found += [Permission(verb, kind, home if kind.namespaced else "") for kind in _applied(args)]
        else:
            kind = _BY_PLURAL[plural]
            found.append(Permission(verb, kind, where if kind.namespaced else "", subresource))
    return found


def _home(runbook: Runbook, values: Mapping[str, Any], namespace: str) -> str:
    named = (values[name] for name, param in runbook.head.params.items() if param.type == "k8s.namespace")
    return next(named, namespace)


def _placed(ref: Mapping[str, Any]) -> tuple[Kind, str]:
    kind = _BY_NAME[str(ref["kind"])]
    return kind, str(ref.get("namespace") or "") if kind.namespaced else ""


def _bound(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects that parameters name: all of them are read."""
    for value in values.values():
        if isinstance(value, Mapping) and str(value.get("kind")) in _BY_NAME and value.get("name"):
            yield value


def _filled(args: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with a `ref` that is one parameter in its place."""
    ref = args.get("ref")
    if not isinstance(ref, str):
        return dict(args)
    return {**args, "ref": values.get(ref.removeprefix("${params.").removesuffix("}"))}


def _applied(args: Mapping[str, Any]) -> Iterator[Kind]:
    objects = args.get("objects")
    written = [args.get("object"), *(objects if isinstance(objects, list) else [])]
    names = [str(item.get("kind")) for item in written if isinstance(item, Mapping)]
    yield from (_BY_NAME[name] for name in names if name in _BY_NAME)


def _applies_unknown(step: Step) -> bool:
    return any(word.endswith(" objects") for word in step.kind.rights) and isinstance(step.args.get("objects"), str)
