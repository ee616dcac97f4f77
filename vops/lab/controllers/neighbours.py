"""What the pods on other nodes mean for a pod: host ports, inter-pod affinity and topology spread, as filters.

Hard terms only: preferences do not count in the lab. Namespace selectors are taken for "every namespace".
Source: k8s.io/kubernetes pkg/scheduler/framework/plugins (nodeports, interpodaffinity, podtopologyspread).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from vops.lab.controllers.placement import Refusal, affinity_matches
from vops.lab.documents import Document
from vops.lab.store import Documents

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_FINISHED = ("Succeeded", "Failed")
_PORTS = Refusal(("node(s) didn't have free ports for the requested pod ports",), hopeless=False)
_AFFINITY = Refusal(("node(s) didn't match pod affinity rules",), hopeless=True)
_ANTI_AFFINITY = Refusal(("node(s) didn't match pod anti-affinity rules",), hopeless=False)
_EXISTING = Refusal(("node(s) didn't satisfy existing pods anti-affinity rules",), hopeless=False)
_SPREAD = Refusal(("node(s) didn't match pod topology spread constraints",), hopeless=False)
_UNLABELLED = Refusal(("node(s) didn't match pod topology spread constraints (missing required label)",), hopeless=True)


class Neighbours:
    """The pods that run on nodes, as one scheduling attempt sees them."""

    def __init__(self, pods: Documents, nodes: Documents) -> None:
        self._nodes = {node["metadata"]["name"]: node for node in nodes}
        self._pods = [pod for pod in pods if _runs(pod) and pod["spec"]["nodeName"] in self._nodes]

    def ports(self, pod: Document, node: Document) -> Refusal | None:
        """Why a node has no room for the host ports of a pod."""
        wanted = set(_host_ports(pod))
        taken = (port for item in self._on(node) for port in _host_ports(item)) if wanted else ()
        return _PORTS if wanted.intersection(taken) else None

    def refusal(self, pod: Document, node: Document) -> Refusal | None:
        """Why the pods elsewhere keep a pod from a node."""
        return self._spread(pod, node) or self._affinity(pod, node)

    # --- topology spread ----------------------------------------------------------------------------------

    def _spread(self, pod: Document, node: Document) -> Refusal | None:
        for constraint in pod["spec"].get("topologySpreadConstraints", ()):
            if constraint["whenUnsatisfiable"] != "DoNotSchedule":
                continue
            key = constraint["topologyKey"]
            if key not in _labels(node):
                return _UNLABELLED
            counts = self._counts(pod, constraint)
            here = counts[_labels(node)[key]] + _selected(constraint.get("labelSelector"), pod)
            if here - min(counts.values()) > constraint["maxSkew"]:
                return _SPREAD
        return None

    def _counts(self, pod: Document, constraint: Document) -> Counter[str]:
        """How many matching pods each domain has, of the nodes that the pod's own node affinity leaves."""
        key, selector = constraint["topologyKey"], constraint.get("labelSelector")
        eligible = [
            item for item in self._nodes.values() if key in _labels(item) and affinity_matches(pod["spec"], item)
        ]
        counts = Counter({_labels(item)[key]: 0 for item in eligible})
        names = {item["metadata"]["name"] for item in eligible}
        for other in self._pods:
            same_namespace = other["metadata"]["namespace"] == pod["metadata"]["namespace"]
            if other["spec"]["nodeName"] in names and same_namespace and _selected(selector, other):
                counts[_labels(self._nodes[other["spec"]["nodeName"]])[key]] += 1
        return counts

    # --- affinity -----------------------------------------------------------------------------------------

    def _affinity(self, pod: Document, node: Document) -> Refusal | None:
        if not all(self._attracted(term, pod, node) for term in _terms(pod, "podAffinity")):
            return _AFFINITY
        if any(self._near(term, pod, node) for term in _terms(pod, "podAntiAffinity")):
            return _ANTI_AFFINITY
        for other in self._pods:
            home = self._nodes[other["spec"]["nodeName"]]
            for term in _terms(other, "podAntiAffinity"):
                if _same_domain(term["topologyKey"], home, node) and _applies(term, other, pod):
                    return _EXISTING
        return None

    def _attracted(self, term: Document, pod: Document, node: Document) -> bool:
        """Whether a pod of the kind that is asked for is near; the first of its own kind may go anywhere."""
        if term["topologyKey"] not in _labels(node):
            return False
        if self._near(term, pod, node):
            return True
        return _applies(term, pod, pod) and not any(_applies(term, pod, other) for other in self._pods)

    def _near(self, term: Document, pod: Document, node: Document) -> bool:
        return any(
            _same_domain(term["topologyKey"], self._nodes[other["spec"]["nodeName"]], node)
            for other in self._pods
            if _applies(term, pod, other)
        )

    def _on(self, node: Document) -> Iterator[Document]:
        return (pod for pod in self._pods if pod["spec"]["nodeName"] == node["metadata"]["name"])


def _runs(pod: Document) -> bool:
    return bool(pod["spec"].get("nodeName")) and pod.get("status", {}).get("phase") not in _FINISHED


def _labels(document: Document) -> dict[str, str]:
    found: dict[str, str] = document["metadata"].get("labels", {})
    return found


def _terms(pod: Document, kind: str) -> Documents:
    found: Documents = pod["spec"].get("affinity", {}).get(kind, {}).get(_REQUIRED, [])
    return found


def _same_domain(key: str, one: Document, other: Document) -> bool:
    return key in _labels(one) and _labels(one)[key] == _labels(other).get(key)


def _applies(term: Document, owner: Document, pod: Document) -> bool:
    """Whether a term of `owner` speaks of `pod`."""
    names = term.get("namespaces") or [owner["metadata"]["namespace"]]
    everywhere = term.get("namespaceSelector") is not None
    return (everywhere or pod["metadata"]["namespace"] in names) and _selected(term.get("labelSelector"), pod)


def _selected(selector: Document | None, pod: Document) -> bool:
    """Whether a label selector selects a pod; none selects nothing."""
    if selector is None:
        return False
    labels = _labels(pod)
    plain = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
    return plain and all(_expression(item, labels) for item in selector.get("matchExpressions", ()))


def _expression(expression: Document, labels: dict[str, str]) -> bool:
    value, wanted = labels.get(expression["key"]), expression.get("values", ())
    answers = {
        "In": value in wanted,
        "NotIn": value not in wanted,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return answers[expression["operator"]]


def _host_ports(pod: Document) -> Iterable[tuple[str, int]]:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", ()):
            if port.get("hostPort"):
                yield port.get("protocol", "TCP"), port["hostPort"]
