"""Turns what a user typed (`POD`, `deploy/NAME`, `ns/NAME`, `all`) into the objects that are meant."""

from __future__ import annotations

from dataclasses import dataclass

from vops.diagnosis.findings import Report
from vops.errors import Forbidden, NotFound, UsageError
from vops.model.resources import DEPLOYMENTS, PODS, STATEFULSETS, Ref
from vops.operations.session import Session

_KINDS = {
    "pod": "Pod",
    "pods": "Pod",
    "po": "Pod",
    "deploy": "Deployment",
    "deployment": "Deployment",
    "deployments": "Deployment",
    "deployment.apps": "Deployment",
    "sts": "StatefulSet",
    "statefulset": "StatefulSet",
    "statefulsets": "StatefulSet",
    "ns": "Namespace",
    "namespace": "Namespace",
}

_SEARCHED = {"Pod": PODS, "Deployment": DEPLOYMENTS, "StatefulSet": STATEFULSETS}


@dataclass(frozen=True)
class Target:
    """What was asked for: one object, all replicas of a namespace (kind Namespace), or all (kind "")."""

    kind: str
    name: str = ""

    @property
    def is_one(self) -> bool:
        return self.kind in _SEARCHED


def parse_target(text: str) -> Target:
    """Reads `POD`, `KIND/NAME`, `ns/NAME` or `all`. Raises UsageError naming the kinds that are known."""
    if text == "all":
        return Target("")
    prefix, slash, name = text.partition("/")
    if not slash:
        return Target("Pod", text)
    kind = _KINDS.get(prefix.lower())
    if kind is None or not name or "/" in name:
        raise UsageError(f"target {text!r} is not understood", hint="use POD, deploy/NAME, sts/NAME, ns/NAME or all")
    return Target(kind, name)


async def locate(session: Session, target: Target) -> Ref:
    """Where a single target is: in the chosen namespace, or, when none was chosen, wherever an object of its name is
    (in the context's namespace where the credentials cannot list all of them).

    Raises NotFound when there is none, UsageError when several namespaces have one.
    """
    chosen = session.settings.namespace
    if chosen:
        return Ref(target.kind, target.name, chosen)
    try:
        found = await session.cluster.list(_SEARCHED[target.kind], field_selector=f"metadata.name={target.name}")
    except Forbidden:
        return Ref(target.kind, target.name, session.cluster.namespace)
    namespaces = sorted(item.metadata.namespace for item in found.items)
    if not namespaces:
        raise not_there(target.kind, target.name)
    if len(namespaces) > 1:
        raise UsageError(
            f"{target.kind.lower()} {target.name!r} exists in {', '.join(namespaces)}",
            hint=f"add -n {namespaces[0]} (or another)",
        )
    return Ref(target.kind, target.name, namespaces[0])


def present(report: Report) -> Report:
    """`report`, if its subject was there. Raises NotFound for one that is absent, or was never there."""
    if report.state == "absent":
        raise not_there(report.subject.kind, report.subject.name, report.subject.namespace)
    return report


def not_there(kind: str, name: str, namespace: str = "") -> NotFound:
    """The error for an object that nobody has."""
    place = f" in namespace {namespace}" if namespace else ""
    return NotFound(
        f"there is no {kind.lower()} {name!r}{place}", status=404, hint="vops fleet -A shows the vLLM replicas"
    )
