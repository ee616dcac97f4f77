"""Volume claims: what rules out every node at once, and which nodes a bound or wanted volume cannot reach.

A claim whose class waits for its first consumer is innocent: it waits for the pod. Not recomputed: how many volumes a
node may attach, and how much storage a topology has left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec

from vops.diagnosis.placement.filters.node_affinity import Mismatch, term_mismatches, topology_mismatches, volume_labels
from vops.diagnosis.states import is_terminal
from vops.model.pods import Pod
from vops.model.resources import Node
from vops.model.storage import PersistentVolume, PersistentVolumeClaim, StorageClass

_CLASS = "volume.beta.kubernetes.io/storage-class"
_ZONES = (
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
)
_ONE_POD = "ReadWriteOncePod"


class Trouble(StrEnum):
    """Why a claim keeps a pod from every node."""

    MISSING = "missing"
    LOST = "lost"  # bound to a volume that is gone
    DELETING = "deleting"
    UNBOUND = "unbound"
    IN_USE = "in use"  # ReadWriteOncePod, and another pod has it


class ClaimBlock(msgspec.Struct, frozen=True):
    """A claim that rules out every node; `holder` is the pod that has a ReadWriteOncePod claim."""

    name: str
    trouble: Trouble
    claim: PersistentVolumeClaim | None = None
    holder: Pod | None = None


class VolumeConflict(msgspec.Struct, frozen=True):
    """A volume that a node cannot reach, and the labels that tell; no `mismatches` where the volume is gone."""

    claim: str
    volume: str
    mismatches: tuple[Mismatch, ...] = ()


class Storage:
    """The claims, volumes and classes of a snapshot.

    `readable` says whether claims were read at all: without, nothing is concluded from one that is not there.
    """

    def __init__(
        self,
        claims: Iterable[PersistentVolumeClaim],
        volumes: Iterable[PersistentVolume],
        classes: Iterable[StorageClass],
        pods: Iterable[Pod],
        *,
        readable: bool = False,
        volumes_readable: bool = False,
        classes_readable: bool = False,
    ) -> None:
        self.claims = {(item.metadata.namespace, item.metadata.name): item for item in claims}
        self.volumes = {item.metadata.name: item for item in volumes}
        self.classes = {item.metadata.name: item for item in classes}
        self.readable = readable
        self.volumes_readable = volumes_readable
        self.classes_readable = classes_readable
        self._pods = pods

    @cached_property
    def users(self) -> dict[tuple[str, str], list[Pod]]:
        """The pods that use a claim, those on a node that have not ended."""
        found: dict[tuple[str, str], list[Pod]] = defaultdict(list)
        for pod in self._pods:
            if pod.spec.volumes and pod.spec.node_name and not is_terminal(pod):
                for name in claim_names(pod):
                    found[pod.metadata.namespace, name].append(pod)
        return found

    def claim(self, namespace: str, name: str) -> PersistentVolumeClaim | None:
        return self.claims.get((namespace, name))

    def class_of(self, claim: PersistentVolumeClaim) -> StorageClass | None:
        """The class of a claim; None when it has none or it is not there."""
        return self.classes.get(class_name(claim))

    def waits_for_consumer(self, claim: PersistentVolumeClaim) -> bool:
        """Whether the claim stays unbound until a pod that uses it has been given a node."""
        known = self.class_of(claim)
        return known is not None and known.volume_binding_mode == "WaitForFirstConsumer"

    def blocks(self, pod: Pod) -> tuple[ClaimBlock, ...]:
        """The claims of a pod that rule out every node."""
        found = (self._block(pod, name) for name in claim_names(pod))
        return tuple(item for item in found if item is not None)

    def _block(self, pod: Pod, name: str) -> ClaimBlock | None:
        claim = self.claim(pod.metadata.namespace, name)
        if claim is None:
            return ClaimBlock(name, Trouble.MISSING) if self.readable else None
        if claim.status.phase == "Lost":
            return ClaimBlock(name, Trouble.LOST, claim)
        if claim.metadata.deletion_timestamp is not None:
            return ClaimBlock(name, Trouble.DELETING, claim)
        if claim.status.phase != "Bound":
            known = self.classes_readable or not class_name(claim) or self.class_of(claim) is not None
            innocent = not known or (self.waits_for_consumer(claim) and not claim.spec.volume_name)
            return None if innocent else ClaimBlock(name, Trouble.UNBOUND, claim)
        return self._in_use(pod, claim)

    def _in_use(self, pod: Pod, claim: PersistentVolumeClaim) -> ClaimBlock | None:
        if _ONE_POD not in claim.spec.access_modes:
            return None
        meta = claim.metadata
        users = self.users.get((meta.namespace, meta.name), ())
        holder = next((item for item in users if item.metadata.uid != pod.metadata.uid), None)
        return ClaimBlock(meta.name, Trouble.IN_USE, claim, holder) if holder else None

    def conflicts(self, pod: Pod, node: Node) -> tuple[VolumeConflict, ...]:
        """The volumes of a pod that a node cannot reach."""
        known = (self.claim(pod.metadata.namespace, name) for name in claim_names(pod))
        found = (self._conflict(claim, node) for claim in known if claim is not None)
        return tuple(item for item in found if item is not None)

    def _conflict(self, claim: PersistentVolumeClaim, node: Node) -> VolumeConflict | None:
        name, volume = claim.metadata.name, self.volumes.get(claim.spec.volume_name)
        if volume is not None:
            lacks = _unreachable(volume, node)
            return VolumeConflict(name, volume.metadata.name, lacks) if lacks else None
        if claim.spec.volume_name and claim.status.phase == "Bound":
            return VolumeConflict(name, claim.spec.volume_name) if self.volumes_readable else None
        wanted = self.class_of(claim)
        if wanted is None or claim.status.phase == "Bound":
            return None
        lacks = topology_mismatches(node, wanted.allowed_topologies)
        return VolumeConflict(name, "", lacks) if lacks else None


def class_name(claim: PersistentVolumeClaim) -> str:
    """The name of a claim's class; empty when it names none."""
    return claim.metadata.annotations.get(_CLASS) or claim.spec.storage_class_name or ""


def claims_by_volume(pod: Pod) -> dict[str, str]:
    """The claim that each of a pod's volumes uses, that of an ephemeral volume by the name that is made for it."""
    found = {}
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim:
            found[volume.name] = str(volume.persistent_volume_claim.get("claimName", ""))
        elif volume.ephemeral is not None:
            found[volume.name] = f"{pod.metadata.name}-{volume.name}"
    return {volume: claim for volume, claim in found.items() if claim}


def claim_names(pod: Pod) -> tuple[str, ...]:
    """The claims that a pod uses, each once."""
    return tuple(dict.fromkeys(claims_by_volume(pod).values()))


def volume_of(pod: Pod, claim: str) -> str:
    """The first volume of the pod that uses a claim; empty when none does."""
    return next((volume for volume, name in claims_by_volume(pod).items() if name == claim), "")


def _unreachable(volume: PersistentVolume, node: Node) -> tuple[Mismatch, ...]:
    """What a node lacks of a volume's node affinity, and of the zones in its labels where the node has any."""
    required: Mapping[str, Any] | None = volume.spec.node_affinity.get("required")
    labels = volume_labels(node)
    if required:
        lacks = term_mismatches(node, tuple(required.get("nodeSelectorTerms") or ()), labels)
        if lacks:
            return lacks
    if not any(key in node.metadata.labels for key in _ZONES):
        return ()
    zones = ((key, text) for key, text in volume.metadata.labels.items() if key in _ZONES)
    return tuple(
        Mismatch(key, text.replace("__", ", "), labels.get(key, ""), tuple(text.split("__")))
        for key, text in zones
        if labels.get(key) not in text.split("__")
    )
