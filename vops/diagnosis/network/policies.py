"""NetworkPolicies as the network applies them: what they admit to a pod and let out of it.

A pod that no policy of a direction selects is open. Policies only ever add: what any of them admits is admitted.
Whether the cluster's network enforces them at all cannot be seen; peers by labels of namespaces other than their name
are taken for admitted, since those labels are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from vops.diagnosis.placement.filters.labels import label_selector
from vops.diagnosis.subjects import Replica
from vops.model.network import NetworkPolicy
from vops.model.pods import Pod

_NAME = "kubernetes.io/metadata.name"
Direction = Literal["Ingress", "Egress"]


def selecting(replica: Replica, direction: Direction) -> tuple[NetworkPolicy, ...]:
    """The policies of one direction that apply to a pod; none for pods on the node's own network."""
    if replica.pod.spec.host_network:
        return ()
    labels = replica.pod.metadata.labels
    return tuple(
        item
        for item in replica.facts.all(NetworkPolicy)
        if item.metadata.namespace == replica.namespace and direction in _types(item) and _selects(item, labels)
    )


def rules(policies: Iterable[NetworkPolicy], direction: Direction) -> tuple[dict[str, Any], ...]:
    """Everything that they admit, as the API writes it."""
    return tuple(
        entry for item in policies for entry in (item.spec.ingress if direction == "Ingress" else item.spec.egress)
    )


def opens(entry: Mapping[str, Any], pod: Pod, port: int, protocol: str = "TCP") -> bool:
    """Whether a rule is about a port of a pod; without ports it is about all of them."""
    ports = entry.get("ports") or ()
    return not ports or any(_covers(item, pod, port, protocol) for item in ports)


def _covers(item: Mapping[str, Any], pod: Pod, port: int, protocol: str) -> bool:
    if str(item.get("protocol") or "TCP") != protocol:
        return False
    wanted = item.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str) and not wanted.isdigit():
        named = (entry for container in pod.spec.containers for entry in container.ports)
        return any(entry.name == wanted and entry.container_port == port for entry in named)
    return int(wanted) <= port <= int(item.get("endPort") or wanted)


def admits(entry: Mapping[str, Any], home: str, client: Pod) -> bool:
    """Whether a rule admits a pod, `home` being the policy's namespace."""
    peers = entry.get("from") or ()
    return not peers or any(_is_peer(peer, home, client) for peer in peers)


def _is_peer(peer: Mapping[str, Any], home: str, client: Pod) -> bool:
    if peer.get("ipBlock") is not None:
        return True
    pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
    if namespaces is None and client.metadata.namespace != home:
        return False
    if namespaces is not None and not _may_be(namespaces, client.metadata.namespace):
        return False
    return pods is None or label_selector(pods)(client.metadata.labels)


def _may_be(selector: Mapping[str, Any], namespace: str) -> bool:
    """Whether a namespace may match a selector: for certain only by its name."""
    asked = {
        *(selector.get("matchLabels") or {}),
        *(item.get("key") for item in selector.get("matchExpressions") or ()),
    }
    return True if asked - {_NAME} else label_selector(selector)({_NAME: namespace})


def _types(policy: NetworkPolicy) -> tuple[str, ...]:
    """Absent, ingress always and egress where there are rules for it."""
    return policy.spec.policy_types or (("Ingress", "Egress") if policy.spec.egress else ("Ingress",))


def _selects(policy: NetworkPolicy, labels: Mapping[str, str]) -> bool:
    selector = policy.spec.pod_selector
    return label_selector({"matchLabels": selector.match_labels, "matchExpressions": selector.match_expressions})(
        labels
    )
