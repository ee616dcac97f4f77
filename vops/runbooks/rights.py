"""What a runbook needs to be allowed to do, as far as its file tells: for a Role, and for asking before it is run.

A step kind says it in RIGHTS, as `VERB RESOURCE`: a plural such as `pods` or `pods/eviction`, or `ref` for whatever
kind the step's `ref` may be, `objects` for what it applies. What only a plan knows is asked for when there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vops.model.kinds import KINDS
from vops.model.leases import LEASES
from vops.model.resources import Kind
from vops.planning.guards import Permission
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


def rights(runbook: Runbook) -> tuple[Permission, ...]:
    """Every permission that the file tells of, each once: to look, to lock, and for each step."""
    found = dict.fromkeys(_resolved(word, {}, {}) for word in OBSERVING)
    if runbook.head.lock:
        found |= dict.fromkeys((Permission(verb, LEASES),) for verb in ("get", "create", "patch", "delete"))
    for step in runbook.steps:
        found |= dict.fromkeys(_resolved(word, step.args, runbook.head.params) for word in step.kind.rights)
    return tuple(dict.fromkeys(item for group in found for item in group))


def untold(runbook: Runbook) -> tuple[str, ...]:
    """The steps that apply objects which are known only when there is a plan."""
    return tuple(step.id for step in runbook.steps if _applies_unknown(step))


def role(name: str, permissions: tuple[Permission, ...]) -> dict[str, Any]:
    """A ClusterRole with exactly these permissions."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for item in permissions:
        verbs.setdefault((item.kind.group, item.resource), []).append(item.verb)
    rules = [{"apiGroups": [group], "resources": [plural], "verbs": found} for (group, plural), found in verbs.items()]
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    return {**kind, "metadata": {"name": f"vops-{name}"}, "rules": rules}


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


def _applied(args: Mapping[str, Any]) -> Iterator[Kind]:
    objects = args.get("objects")
    written = [args.get("object"), *(objects if isinstance(objects, list) else [])]
    names = [str(item.get("kind")) for item in written if isinstance(item, Mapping)]
    yield from (_BY_NAME[name] for name in names if name in _BY_NAME)


def _applies_unknown(step: Step) -> bool:
    return any(word.endswith(" objects") for word in step.kind.rights) and isinstance(step.args.get("objects"), str)
