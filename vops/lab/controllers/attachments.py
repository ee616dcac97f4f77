"""Attaching volumes to nodes: one node at a time for a volume that only one may use.

A volume stays with its node for as long as a pod object there uses it; where the node is not ready, six minutes
longer, unless it is marked out of service.
Source: k8s.io/kubernetes pkg/controller/volume/attachdetach (reconciler.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.lab.controllers.base import is_true
from vops.lab.controllers.claims import claim_names, users_of
from vops.lab.documents import Document

if TYPE_CHECKING:
    from vops.lab.world import World

BY = "attachdetach-controller"
_FORCED_AFTER_S = 360.0
_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_SHARED = ("ReadWriteMany", "ReadOnlyMany")


class Attachments:
    """Which node has which volume."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._nodes: dict[str, str] = {}
        self._released: dict[str, float] = {}

    def attach(self, pod: Document, node: str) -> list[tuple[str, str]]:
        """Attaches the volumes of a pod that comes to a node; returns those that another node has, with who uses them.

        Both are volume names and upstream's words.
        """
        held = []
        for claim in self._exclusive(pod):
            volume = claim["spec"]["volumeName"]
            if self._is_free(claim, node):
                self._nodes[volume] = node
                self._released.pop(volume, None)
            else:
                held.append((volume, self._words(claim)))
        return held

    def _exclusive(self, pod: Document) -> list[Document]:
        store, namespace = self._world.store, pod["metadata"]["namespace"]
        found = [store.find("v1", "PersistentVolumeClaim", namespace, name) for name in claim_names(pod)]
        return [
            claim
            for claim in found
            if claim and claim["spec"].get("volumeName") and not set(claim["spec"]["accessModes"]) & set(_SHARED)
        ]

    def _users(self, claim: Document) -> list[str]:
        """The pods of the node that has the volume, as far as they use it."""
        metadata, holder = claim["metadata"], self._nodes.get(claim["spec"]["volumeName"])
        users = users_of(self._world.store, metadata["namespace"], metadata["name"])
        return [pod["metadata"]["name"] for pod in users if pod["spec"]["nodeName"] == holder]

    def _is_free(self, claim: Document, node: str) -> bool:
        holder = self._nodes.get(claim["spec"]["volumeName"], node)
        if holder == node:
            return True
        return not self._users(claim) and self._detached(claim["spec"]["volumeName"], holder)

    def _detached(self, volume: str, holder: str) -> bool:
        """Nobody uses it there any more: a kubelet that answers unmounts it; one that does not is waited for."""
        node = self._world.store.find("v1", "Node", "", holder)
        since = self._released.setdefault(volume, self._world.now)
        if node is None or is_true(node, "Ready") or _out_of_service(node):
            return True
        return self._world.now - since >= _FORCED_AFTER_S

    def _words(self, claim: Document) -> str:
        users = self._users(claim)
        used = f"already used by pod(s) {', '.join(users)}" if users else _EXCLUSIVELY
        return f'Multi-Attach error for volume "{claim["spec"]["volumeName"]}" Volume is {used}'


_EXCLUSIVELY = "already exclusively attached to one node and can't be attached to another"


def _out_of_service(node: Document) -> bool:
    return any(taint["key"] == _OUT_OF_SERVICE for taint in node["spec"].get("taints", ()))
