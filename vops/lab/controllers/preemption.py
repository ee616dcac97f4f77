"""Preemption: which pods of lower priority a node would have to lose so that a pod fits.

Leaves out disruption budgets, and pods that are nominated to a node. Source: k8s.io/kubernetes
pkg/scheduler/framework/preemption.
"""

from __future__ import annotations

from vops.lab.controllers.placement import Amounts, lack_of_room, used_on
from vops.lab.documents import Document
from vops.lab.store import Documents


def victims_on(pod: Document, node: Document, pods: Documents) -> Documents:
    """The pods that have to go, the least important first; none when even that would not help."""
    name, priority = node["metadata"]["name"], pod["spec"].get("priority", 0)
    there = [item for item in pods if item["spec"].get("nodeName") == name]
    lower = [item for item in there if item["spec"].get("priority", 0) < priority]
    if lack_of_room(pod, node, _used(there, name)) is None:
        return []  # it has room: something else keeps the pod away
    victims: Documents = []
    for candidate in sorted(lower, key=_importance):
        victims.append(candidate)
        left = [item for item in there if item not in victims]
        if lack_of_room(pod, node, _used(left, name)) is None:
            return [item for item in victims if not _fits_beside(pod, node, [*left, item])]
    return []


def _fits_beside(pod: Document, node: Document, pods: Documents) -> bool:
    return lack_of_room(pod, node, _used(pods, node["metadata"]["name"])) is None


def _used(pods: Documents, node: str) -> Amounts:
    return used_on(pods).get(node, {})


def _importance(pod: Document) -> tuple[int, str]:
    """The lowest priority first, and of equal ones the youngest."""
    created = "".join(chr(0x10FFFF - ord(letter)) for letter in pod["metadata"]["creationTimestamp"])
    return pod["spec"].get("priority", 0), created
