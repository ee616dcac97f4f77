"""Turns what a user typed (`POD`, `deploy/NAME`, `ns/NAME`, `all`) into the objects that are meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from vops.diagnosis.findings import Report
from vops.errors import Forbidden, NotFound, UsageError
from vops.model.objects import Ref, Resource
from vops.model.resources import DEPLOYMENTS, PODS, STATEFULSETS
from vops.model.scaling import AUTOSCALERS, SCALED_OBJECTS
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
    "so": "ScaledObject",
    "scaledobject": "ScaledObject",
    "scaledobjects": "ScaledObject",
    "scaledobject.keda.sh": "ScaledObject",
    "hpa": "HorizontalPodAutoscaler",
    "horizontalpodautoscaler": "HorizontalPodAutoscaler",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "isvc": "InferenceService",
    "inferenceservice": "InferenceService",
    "inferenceservices": "InferenceService",
    "ns": "Namespace",
    "namespace": "Namespace",
}

_SEARCHED = {
    "Pod": PODS,
    "Deployment": DEPLOYMENTS,
    "StatefulSet": STATEFULSETS,
    "ScaledObject": SCALED_OBJECTS,
    "HorizontalPodAutoscaler": AUTOSCALERS,
}
SERVICE = "InferenceService"
_OF_SERVICE = "serving.kserve.io/inferenceservice"
"""The label that KServe puts on the Deployment that runs an InferenceService's predictor."""


@dataclass(frozen=True)
class Target:
    """What was asked for: one object, all replicas of a namespace (kind Namespace), or all (kind "")."""

    kind: str
    name: str = ""

    @property
    def is_one(self) -> bool:
        return self.kind in _SEARCHED or self.kind == SERVICE


def parse_target(text: str) -> Target:
    """Reads `POD`, `KIND/NAME`, `ns/NAME` or `all`. Raises UsageError naming the kinds that are known."""
    if text == "all":
        return Target("")
    prefix, slash, name = text.partition("/")
    if not slash:
        return Target("Pod", text)
    kind = _KINDS.get(prefix.lower())
    if kind is None or not name or "/" in name:
        raise UsageError(
            f"target {text!r} is not understood",
            hint="use POD, deploy/NAME, sts/NAME, isvc/NAME, so/NAME, hpa/NAME, ns/NAME or all",
        )
    return Target(kind, name)


def parse_one(text: str, hint: str) -> Target:
    """Like `parse_target`, for what is done to one object at a time. Raises UsageError with `hint` for more."""
    target = parse_target(text)
    if not target.is_one:
        raise UsageError(f"{text!r} is more than one object", hint=hint)
    return target


async def locate(session: Session, target: Target) -> Ref:
    """Where a single target is: in the chosen namespace, or, when none was chosen, wherever an object of its name is
    (in the context's namespace where the credentials cannot list all of them).

    Raises NotFound when there is none, UsageError when several namespaces have one.
    """
    chosen = session.settings.namespace
    if target.kind == SERVICE:
        return await _predictor(session, target.name, chosen)
    if chosen:
        return Ref(target.kind, target.name, chosen)
    try:
        found = await session.cluster.list(_SEARCHED[target.kind], field_selector=f"metadata.name={target.name}")
    except Forbidden:
        return Ref(target.kind, target.name, session.cluster.namespace)
    return Ref(target.kind, target.name, _only_namespace(target, found.items))


async def _predictor(session: Session, name: str, namespace: str) -> Ref:
    """The Deployment that runs an InferenceService: its newest one, where Knative keeps one for each revision."""
    found = await session.cluster.list(DEPLOYMENTS, namespace, label_selector=f"{_OF_SERVICE}={name}")
    home = _only_namespace(Target(SERVICE, name), found.items)
    newest = max(found.items, key=lambda item: item.metadata.creation_timestamp or datetime.min.replace(tzinfo=UTC))
    return Ref("Deployment", newest.metadata.name, home)


def _only_namespace(target: Target, found: Iterable[Resource]) -> str:
    namespaces = sorted({item.metadata.namespace for item in found})
    if not namespaces:
        raise not_there(target.kind, target.name)
    if len(namespaces) > 1:
        raise UsageError(
            f"{target.kind.lower()} {target.name!r} exists in {', '.join(namespaces)}",
            hint=f"add -n {namespaces[0]} (or another)",
        )
    return namespaces[0]


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
