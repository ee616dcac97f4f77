"""Turns what a user typed (`POD`, `deploy/NAME`, `ns/NAME`, `all`) into the objects that are meant."""

from __future__ import annotations

from dataclasses import dataclass

from vops.errors import Forbidden, NotFound, UsageError
from vops.model.resources import PODS, Pod, Ref
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


@dataclass(frozen=True)
class Target:
    """What was asked for: one object, all replicas of a namespace (kind Namespace), or all (kind "")."""

    kind: str
    name: str = ""

    @property
    def is_one(self) -> bool:
        return self.kind in ("Pod", "Deployment", "StatefulSet")


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
    """Where a single target is: in the chosen namespace, or, when none was chosen, wherever its pod is
    (in the context's namespace where the credentials cannot list all of them).

    Raises NotFound when there is no such pod, UsageError when several namespaces have one.
    """
    chosen = session.settings.namespace
    if chosen or target.kind != "Pod":
        return Ref(target.kind, target.name, chosen or session.cluster.namespace)
    try:
        found = await session.cluster.list(PODS, field_selector=f"metadata.name={target.name}")
    except Forbidden:
        return Ref("Pod", target.name, session.cluster.namespace)
    namespaces = sorted(pod.metadata.namespace for pod in found.items if isinstance(pod, Pod))
    if not namespaces:
        raise NotFound(f"there is no pod {target.name!r}", status=404, hint="vops fleet -A shows the vLLM replicas")
    if len(namespaces) > 1:
        raise UsageError(
            f"pod {target.name!r} exists in {', '.join(namespaces)}", hint=f"add -n {namespaces[0]} (or another)"
        )
    return Ref("Pod", target.name, namespaces[0])
