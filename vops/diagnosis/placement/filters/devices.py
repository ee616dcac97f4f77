"""Device claims (dynamic resource allocation): which are not there yet, in use, or allocated for other nodes.

Whether unallocated devices would satisfy a claim is not recomputed: that takes the drivers' ResourceSlices and the
classes' expressions, and the scheduler's word is all there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from vops.diagnosis.placement.filters.node_affinity import Mismatch, term_mismatches
from vops.model.pods import Pod
from vops.model.provisioning import ResourceClaim
from vops.model.resources import Node

_MOST_USERS = 256
"""How many pods may share a claim (ResourceClaimReservedForMaxSize of resource.k8s.io)."""


class DeviceBlock(msgspec.Struct, frozen=True):
    """A device claim that rules out every node, and how."""

    name: str
    how: str


class DeviceConflict(msgspec.Struct, frozen=True):
    """A claim whose devices a node cannot use, and the labels that tell."""

    claim: str
    mismatches: tuple[Mismatch, ...]


class Devices:
    """The device claims of a snapshot; `readable` says whether they were read at all."""

    def __init__(self, claims: Iterable[ResourceClaim], *, readable: bool = False) -> None:
        self._claims = {(item.metadata.namespace, item.metadata.name): item for item in claims}
        self.readable = readable

    def claim(self, namespace: str, name: str) -> ResourceClaim | None:
        return self._claims.get((namespace, name))

    def of(self, pod: Pod) -> tuple[ResourceClaim, ...]:
        """The claims of a pod that are there."""
        found = (self.claim(pod.metadata.namespace, name) for _, name in device_claims(pod))
        return tuple(item for item in found if item is not None)

    def blocks(self, pod: Pod) -> tuple[DeviceBlock, ...]:
        """The claims of a pod that rule out every node."""
        found = (self._block(pod, given, name) for given, name in device_claims(pod)) if self.readable else ()
        return tuple(item for item in found if item is not None)

    def _block(self, pod: Pod, given: str, name: str) -> DeviceBlock | None:
        if not name:
            return DeviceBlock(given, "not created from its template yet")
        claim = self.claim(pod.metadata.namespace, name)
        if claim is None:
            return DeviceBlock(name, "not there")
        if claim.metadata.deletion_timestamp is not None:
            return DeviceBlock(name, "being deleted")
        users = claim.status.get("reservedFor") or ()
        ours = any(item.get("uid") == pod.metadata.uid for item in users)
        full = bool(claim.status.get("allocation")) and len(users) >= _MOST_USERS and not ours
        return DeviceBlock(name, f"in use by {len(users)} pods, as many as may share one") if full else None

    def conflicts(self, pod: Pod, node: Node) -> tuple[DeviceConflict, ...]:
        """The allocated claims of a pod whose devices are on other nodes."""
        if not pod.spec.resource_claims:
            return ()
        found = []
        for claim in self.of(pod):
            terms = _nodes_of(claim)
            lacks = term_mismatches(node, terms) if terms else ()
            if lacks:
                found.append(DeviceConflict(claim.metadata.name, lacks))
        return tuple(found)


def device_claims(pod: Pod) -> tuple[tuple[str, str], ...]:
    """The name that the pod gives each claim, and the object's name, "" while it was not made from its template."""
    made = {item.name: item.resource_claim_name for item in pod.status.resource_claim_statuses}
    found = []
    for item in pod.spec.resource_claims:
        given = str(item.get("name", ""))
        if given in made and not made[given]:
            continue
        found.append((given, str(item.get("resourceClaimName") or made.get(given) or "")))
    return tuple(found)


def allocated(claim: ResourceClaim) -> bool:
    return bool(claim.status.get("allocation"))


def device_classes(claim: ResourceClaim) -> tuple[str, ...]:
    """The device classes that a claim asks for, of resource.k8s.io/v1 and its betas alike."""
    requests: list[dict[str, Any]] = (claim.spec.get("devices") or {}).get("requests") or []
    found = []
    for item in requests:
        options = [item, item.get("exactly") or {}, *(item.get("firstAvailable") or ())]
        found += [str(option["deviceClassName"]) for option in options if option.get("deviceClassName")]
    return tuple(dict.fromkeys(found))


def _nodes_of(claim: ResourceClaim) -> tuple[dict[str, Any], ...]:
    """The node selector terms of an allocation; none where it may be used anywhere."""
    allocation = claim.status.get("allocation") or {}
    return tuple((allocation.get("nodeSelector") or {}).get("nodeSelectorTerms") or ())
