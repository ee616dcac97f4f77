"""Which node a pod fits on, and why not on the others, in the scheduler's order and words (1.36).

A node stops at the first filter that refuses it; only the resource filter lists everything that is short. Leaves
out preemption itself (everything has priority 0). Volumes are in `claims`, what other pods mean in `neighbours`.
Source: k8s.io/kubernetes pkg/scheduler/framework/plugins and framework/types.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vops.lab.documents import Document
from vops.lab.store import Documents
from vops.model.quantities import millis, whole

_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_BLOCKING = ("NoSchedule", "NoExecute")
NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
Amounts = dict[str, int]
"""Resources by name: thousandths of a core for `cpu`, bytes or pieces for the others."""


@dataclass(frozen=True)
class Refusal:
    """Why one node does not take a pod; `hopeless` when not even an empty node would."""

    reasons: tuple[str, ...]
    hopeless: bool


def refusal(pod: Document, node: Document, used: Amounts) -> Refusal | None:
    """Why `node`, with `used` of it taken, does not take `pod` by itself; None when it does."""
    return unwelcome(pod, node) or lack_of_room(pod, node, used)


def unwelcome(pod: Document, node: Document) -> Refusal | None:
    """Why `node` would not take `pod` even if it were empty: the filters before those of ports and resources."""
    spec = pod["spec"]
    if node["spec"].get("unschedulable") and not _tolerates_cordon(spec):
        return Refusal(("node(s) were unschedulable",), hopeless=True)
    if spec.get("nodeName") not in (None, "", node["metadata"]["name"]):
        return Refusal(("node(s) didn't match the requested node name",), hopeless=True)
    if untolerated(spec.get("tolerations", ()), node):
        return Refusal(("node(s) had untolerated taint(s)",), hopeless=True)
    if not affinity_matches(spec, node):
        return Refusal(("node(s) didn't match Pod's node affinity/selector",), hopeless=True)
    return None


def lack_of_room(pod: Document, node: Document, used: Amounts) -> Refusal | None:
    """What is short on `node`."""
    return _short(requests_of(pod), amounts(node["status"].get("allocatable", {})), used)


def _short(wanted: Amounts, allocatable: Amounts, used: Amounts) -> Refusal | None:
    if used.get("pods", 0) + 1 > allocatable.get("pods", 110):
        return Refusal(("Too many pods",), hopeless=False)
    short = [
        name for name, amount in wanted.items() if amount and amount > allocatable.get(name, 0) - used.get(name, 0)
    ]
    if not short:
        return None
    hopeless = any(wanted[name] > allocatable.get(name, 0) for name in short)
    return Refusal(tuple(f"Insufficient {name}" for name in short), hopeless)


def unschedulable_message(refusals: Sequence[Refusal], *, may_preempt: bool = True) -> str:
    """The text of the PodScheduled condition and the FailedScheduling event for nodes that all refused."""
    if not refusals:
        return "no nodes available to schedule pods"
    head = f"0/{len(refusals)} nodes are available: "
    reasons = _histogram(reason for item in refusals for reason in item.reasons)
    if may_preempt:
        after = f"{head}{_histogram(NOT_HELPFUL if item.hopeless else NO_VICTIMS for item in refusals)}."
    else:
        after = "not eligible due to preemptionPolicy=Never."
    return f"{head}{reasons}. no new claims to deallocate, preemption: {after}"


def _histogram(reasons: Iterable[str]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in Counter(reasons).items()))


# --- resources --------------------------------------------------------------------------------------------


def amounts(quantities: Mapping[str, str]) -> Amounts:
    return {name: millis(text) if name == "cpu" else whole(text) for name, text in quantities.items()}


def requests_of(pod: Document) -> Amounts:
    """What a pod asks for: the sum of its containers, or its largest init container where that is more."""
    total: Amounts = {}
    for container in pod["spec"]["containers"]:
        for name, amount in _container_requests(container).items():
            total[name] = total.get(name, 0) + amount
    for container in pod["spec"].get("initContainers", ()):
        for name, amount in _container_requests(container).items():
            total[name] = max(total.get(name, 0), amount)
    return total


def _container_requests(container: Document) -> Amounts:
    resources = container.get("resources", {})
    return amounts({**resources.get("limits", {}), **resources.get("requests", {})})


def used_on(pods: Documents) -> dict[str, Amounts]:
    """What the pods already on each node take, by node name."""
    used: dict[str, Amounts] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if not node or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            continue
        here = used.setdefault(node, {"pods": 0})
        here["pods"] += 1
        for name, amount in requests_of(pod).items():
            here[name] = here.get(name, 0) + amount
    return used


# --- taints and affinity ----------------------------------------------------------------------------------


def untolerated(tolerations: Iterable[Document], node: Document) -> Document | None:
    """The first taint of the node that keeps a pod with these tolerations away."""
    accepted = list(tolerations)
    for taint in node["spec"].get("taints", ()):
        if taint["effect"] in _BLOCKING and not any(tolerates(item, taint) for item in accepted):
            return dict(taint)
    return None


def tolerates(toleration: Document, taint: Document) -> bool:
    """Whether one toleration accepts one taint."""
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    key: str = toleration.get("key", "")
    exists: bool = toleration.get("operator", "Equal") == "Exists"
    if not key:
        return exists
    if key != taint["key"]:
        return False
    return exists or bool(toleration.get("value", "") == taint.get("value", ""))


def _tolerates_cordon(spec: Document) -> bool:
    taint = {"key": _UNSCHEDULABLE, "effect": "NoSchedule"}
    return any(tolerates(item, taint) for item in spec.get("tolerations", ()))


def affinity_matches(spec: Document, node: Document) -> bool:
    """Whether nodeSelector and required node affinity accept the node."""
    labels = node["metadata"].get("labels", {})
    if any(labels.get(name) != value for name, value in spec.get("nodeSelector", {}).items()):
        return False
    affinity = spec.get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return terms_match(required["nodeSelectorTerms"], node)


def terms_match(terms: Documents, node: Document) -> bool:
    """Whether one of the node selector terms accepts the node."""
    return any(_term_matches(term, node) for term in terms)


def _term_matches(term: Document, node: Document) -> bool:
    labels = node["metadata"].get("labels", {})
    fields = {"metadata.name": node["metadata"]["name"]}
    expressions = [(item, labels) for item in term.get("matchExpressions", ())]
    expressions += [(item, fields) for item in term.get("matchFields", ())]
    return bool(expressions) and all(_expression_matches(item, values) for item, values in expressions)


def _expression_matches(expression: Document, values: Mapping[str, str]) -> bool:
    value = values.get(expression["key"])
    wanted = expression.get("values", ())
    match expression["operator"]:
        case "In":
            return value in wanted
        case "NotIn":
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and int(value) > int(wanted[0])
        case "Lt":
            return value is not None and int(value) < int(wanted[0])
    return False
