"""What Karpenter says: on the pods that wait, on its NodeClaims and NodePools, and in their conditions.

The same for Karpenter on EC2, EKS Auto Mode and AKS node auto-provisioning. A NodeClaim that met a lack of capacity is
deleted at once: only its event, in the namespace `default`, tells of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from vops.diagnosis.placement.filters.taints import blocks
from vops.model.patterns import lazy_pattern
from vops.model.pods import Pod
from vops.model.provisioning import NodeClaim, NodePool
from vops.model.resources import Event, Taint

POOL = "karpenter.sh/nodepool"
ICE = "InsufficientCapacityError"
LACKS = (ICE, "LaunchFailed")
"""Reasons of events about NodeClaims that got no machine."""
_MANAGED = {
    "eks.amazonaws.com": "EKS Auto Mode",
    "karpenter.azure.com": "AKS node auto-provisioning",
}
_CLAIM = lazy_pattern(r"nodeclaim/([a-z0-9][a-z0-9.-]{0,252})")
_LIMIT = lazy_pattern(
    r"exceed limits for (?:nodepool|provisioner)|exceed provisioner limits|limits have been exhausted for nodepool",
    re.ASCII,
)
_UNAVAILABLE = lazy_pattern(
    r"no instance type has the required offering|had enough resources, had a required offering"
    r"|reserved offerings? .{0,60}could not be reserved"
)
_POOL_NAMED = lazy_pattern(
    r"provisioner \"([\w.-]{1,253})\""
    r"|NodePool=\"?([\w.-]{1,253})|nodepool:? \"([\w.-]{1,253})\"|NodePool\":\{\"name\":\"([\w.-]{1,253})"
)
_OF_POOLS = ("NodeRegistrationHealthy", "NodeClassReady")
_NOT_YET = ("", "Unknown", "AwaitingReconciliation")


class Said(StrEnum):
    """What Karpenter makes of a pod that it cannot place."""

    LIMIT = "limit"
    UNAVAILABLE = "unavailable"  # a fitting instance type has no offering at present
    NO_MATCH = "no match"


class PoolAnswer(msgspec.Struct, frozen=True):
    """What Karpenter says of one NodePool; the name is empty where the text does not tell."""

    said: Said
    pool: str
    text: str


def is_karpenters(event: Event) -> bool:
    """Whether a FailedScheduling event is Karpenter's, and not the scheduler's."""
    by = event.source.component or event.reporting_component
    return by.startswith("karpenter") or event.message.startswith("Failed to schedule pod, ")


def allowed(pool: NodePool, label: str) -> tuple[str, ...]:
    """The values of a node label that a pool's requirements allow, where they list them."""
    template = (pool.spec.get("template") or {}).get("spec") or {}
    found = (item for item in template.get("requirements") or () if item.get("key") == label)
    return tuple(str(value) for item in found if item.get("operator") == "In" for value in item.get("values") or ())


def pool_answers(message: str) -> tuple[PoolAnswer, ...]:
    """A FailedScheduling message by NodePool."""
    said = message[:8_000].removeprefix("Failed to schedule pod, ")
    return tuple(
        _pool_answer(part)
        for part in re.split(r"; (?=incompatible with|all available|node limits|no inst|did not)", said)
    )


def _pool_answer(text: str) -> PoolAnswer:
    named = _POOL_NAMED.search(text)
    pool = next(filter(None, named.groups()), "") if named else ""
    kind = Said.LIMIT if _LIMIT.search(text) else Said.UNAVAILABLE if _UNAVAILABLE.search(text) else Said.NO_MATCH
    return PoolAnswer(kind, pool, text)


def claims_named(message: str) -> tuple[str, ...]:
    """The NodeClaims of a `Nominated` event."""
    return tuple(_CLAIM.findall(message))


_JOINS_WITHIN = timedelta(minutes=10)
"""Karpenter takes a machine back after 15 minutes."""

_REFUSED_NODE = lazy_pattern(r"UnregisteredTaint|MultipleNodesFound")


def pool_of(claim: str) -> str:
    """The NodePool of a NodeClaim by its generated name (`POOL-x1y2z`)."""
    return claim.rpartition("-")[0]


def launched(claim: NodeClaim) -> bool:
    """Whether the cloud has given a machine for it."""
    condition = claim.condition("Launched")
    return condition is not None and condition.status == "True"


def not_launched(claim: NodeClaim) -> str:
    """Why the cloud did not launch a NodeClaim, in Karpenter's words; empty when it did, or has not answered yet."""
    condition = claim.condition("Launched")
    if condition is None or launched(claim) or condition.reason in _NOT_YET:
        return ""
    return f"{condition.reason}: {condition.message}"


def not_registered(claim: NodeClaim) -> str:
    """Why Karpenter refuses the node that came for a NodeClaim; empty while it waits for one."""
    condition = claim.condition("Registered")
    if condition is None or condition.status != "False" or _REFUSED_NODE.search(condition.reason) is None:
        return ""
    return f"{condition.reason}: {condition.message}"


def never_joined(claim: NodeClaim, at: datetime) -> str:
    """What Karpenter says of a machine that was launched, and of which no node has come for longer than it takes."""
    condition, given = claim.condition("Registered"), claim.condition("Launched")
    if condition is None or condition.status == "True" or given is None or given.status != "True":
        return ""
    since = given.last_transition_time or claim.metadata.creation_timestamp
    late = since is not None and at - since > _JOINS_WITHIN
    return f"{condition.reason}: {condition.message}" if late else ""


def stage(claim: NodeClaim) -> str:
    """How far a NodeClaim has got, as a person would say it."""
    for type_, done in (
        ("Initialized", "is ready for pods"),
        ("Registered", "has joined"),
        ("Launched", "is starting"),
    ):
        condition = claim.condition(type_)
        if condition is not None and condition.status == "True":
            return done
    return "is being asked for"


def unregistered(claim: NodeClaim) -> tuple[str, datetime | None]:
    """The resource that a node was meant to bring and does not, and since when the node is there; "" for none."""
    joined, ready = claim.condition("Registered"), claim.condition("Initialized")
    if joined is None or joined.status != "True" or ready is None or ready.reason != "ResourceNotRegistered":
        return "", None
    named = re.search(r'Resource "([^"]{1,120})"', ready.message)
    return (named[1] if named else "a resource"), joined.last_transition_time


def product(pools: Iterable[NodePool]) -> str:
    """What to call this Karpenter."""
    groups = {str(_at(pool.spec, "template", "spec", "nodeClassRef").get("group", "")) for pool in pools}
    return next((name for group, name in _MANAGED.items() if group in groups), "Karpenter")


def trouble(pool: NodePool) -> str:
    """Why a NodePool gets no nodes at present, by its own conditions; empty when they do not say that it does not.

    Karpenter sets `NodeRegistrationHealthy` to False after several launches that failed, with the last one's reason.
    """
    for item in pool.status.get("conditions") or []:
        if item.get("type") in _OF_POOLS and item.get("status") == "False":
            return f"{item.get('reason', '')}: {item.get('message', '')}"
    return ""


def limits(pool: NodePool) -> dict[str, tuple[str, str]]:
    """The limits of a NodePool with what it uses of each: {resource: (used, limit)}."""
    used = _at(pool.status, "resources")
    return {key: (str(used.get(key, "0")), str(value)) for key, value in _at(pool.spec, "limits").items()}


def admits(pool: NodePool, pod: Pod) -> bool:
    """Whether a NodePool may serve a pod, by its taints and by the labels that the pod selects."""
    template = _at(pool.spec, "template", "spec")
    taints = msgspec.convert(template.get("taints") or [], tuple[Taint, ...])
    if any(blocks(taint, pod.spec.tolerations) for taint in taints):
        return False
    labels = {**_at(pool.spec, "template", "metadata", "labels"), POOL: pool.metadata.name}
    return all(_may_have(key, value, labels, template) for key, value in pod.spec.node_selector.items())


def _may_have(key: str, value: str, labels: Mapping[str, Any], template: Mapping[str, Any]) -> bool:
    if key in labels:
        return bool(labels[key] == value)
    for item in template.get("requirements") or []:
        if item.get("key") == key:
            listed = value in (item.get("values") or [])
            return {"In": listed, "NotIn": not listed, "DoesNotExist": False}.get(item.get("operator", ""), True)
    return True


def _at(document: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A mapping inside a mapping; empty where something else is there."""
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return dict(value) if isinstance(value, Mapping) else {}
