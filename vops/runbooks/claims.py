"""Where a pod without a GPU can fill a claim for a consumer: claim, volume and class joined with nodes and taints.

The scheduler's filters are those of vops.diagnosis.placement.recompute, asked for the seeding pod and for the
consumer's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from vops.diagnosis.facts import Facts
from vops.diagnosis.placement.filters.volumes import Storage, class_name
from vops.diagnosis.placement.recompute import NodeFit, Placement
from vops.model.objects import Meta
from vops.model.pods import Container, Pod, PodSpec, Requirements, Volume
from vops.model.quantities import whole
from vops.model.resources import Node
from vops.model.snapshot import ClusterSnapshot, Source, SourceState, SourceStatus
from vops.model.storage import CLAIMS, STORAGE_CLASSES, VOLUMES, ClaimSpec, PersistentVolumeClaim
from vops.planning.patches import Document
from vops.runbooks.asks import ListAsk
from vops.runbooks.kinds import View

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
ONE_NODE = frozenset(
    {
        "ebs.csi.aws.com",
        "kubernetes.io/aws-ebs",
        "pd.csi.storage.gke.io",
        "kubernetes.io/gce-pd",
        "disk.csi.azure.com",
        "kubernetes.io/azure-disk",
        "rbd.csi.ceph.com",
    }
)
"""Provisioners of disks that hold a file system on one node at a time, whatever a claim asks for."""
REQUESTS = {"cpu": "1", "memory": "2Gi"}
_SOURCES = {Source.CLAIMS: CLAIMS, Source.VOLUMES: VOLUMES, Source.STORAGE_CLASSES: STORAGE_CLASSES}


@dataclass(frozen=True)
class Consumer:
    """The workload that will mount the claim: its name, and its pod's spec as written and as it comes to be.

    Admission may let pods that ask for GPUs tolerate taints that the template does not.
    """

    name: str
    written: Document
    spec: PodSpec

    @staticmethod
    def of(workload: Document, pods: Sequence[Pod] = ()) -> Consumer:
        written = workload["spec"]["template"]["spec"]
        name = f"{workload['kind'].lower()}/{workload['metadata']['name']}"
        spec = msgspec.convert(written, PodSpec)
        tolerations = (*spec.tolerations, *(item for pod in pods for item in pod.spec.tolerations))
        return Consumer(name, written, msgspec.structs.replace(spec, tolerations=tolerations))


@dataclass(frozen=True)
class Place:
    """A way to place the pod: what its spec says for it, and the nodes that would take it (if they had room)."""

    pod: Document
    nodes: tuple[str, ...]
    roomy: bool
    follows: bool
    """Whether it keeps the consumer's selector."""


def facts_with_storage(view: View, namespace: str) -> Facts:
    """The facts with the claims of a namespace, as far as they may be read, and the volumes and classes behind them."""
    kinds = {source: _ask(kind, namespace) for source, kind in _SOURCES.items()}
    return Facts(_with(view.snapshot, {source: view.answer(ask) for source, ask in kinds.items()}))


class Site:
    """One claim, there or not, and everything around it."""

    def __init__(
        self,
        view: View,
        namespace: str,
        claim: str,
        storage_class: str | None = None,
        consumer: Consumer | None = None,
        tolerations: Sequence[Document] = (),
        mode: str = "",
    ) -> None:
        self._mode = mode
        self._namespace, self._name, self._consumer = namespace, claim, consumer
        self._tolerations = list(tolerations)
        self._facts = facts_with_storage(view, namespace)
        found = self._storage.claim(namespace, claim)
        self.exists = found is not None
        self._claim = found or PersistentVolumeClaim(
            metadata=Meta(name=claim, namespace=namespace),
            spec=ClaimSpec(storage_class_name=storage_class if storage_class is not None else self._default_class()),
        )
        if found is None:
            self._storage.claims[namespace, claim] = self._claim

    @property
    def _storage(self) -> Storage:
        return self._facts.storage

    def _default_class(self) -> str:
        classes = self._storage.classes.values()
        return next((item.metadata.name for item in classes if item.is_default), "")

    # --- the claim ---

    @property
    def bound(self) -> bool:
        return self._claim.status.phase == "Bound"

    @property
    def capacity_bytes(self) -> int | None:
        """What the claim holds, or asks for; None when it is not there."""
        if not self.exists:
            return None
        size = self._claim.status.capacity.get("storage") or self._claim.spec.resources.requests.get("storage")
        return whole(size) if size else None

    @cached_property
    def trouble(self) -> str:
        """What is wrong whatever the node: the claim itself, or a volume out of the consumer's reach."""
        claim, named = self._claim, class_name(self._claim)
        if claim.metadata.deletion_timestamp is not None:
            return f"claim {self._name} is being deleted"
        if claim.status.phase == "Lost":
            return f"claim {self._name} has lost its volume"
        if not self.exists and self._storage.classes_readable and named not in self._storage.classes:
            if not named:
                return "no storage class is the cluster's default; name one"
            return f"there is no storage class {named}: {', '.join(sorted(self._storage.classes)) or 'there is none'}"
        if not self.exists and self._mode == "ReadWriteMany" and (maker := self._maker()) in ONE_NODE:
            return f"class {named} ({maker}) makes disks of one node, and the claim is to be ReadWriteMany"
        if self._consumer and self.bound and self._meant and not self._reachable:
            there = ", ".join(sorted({_zone(fit.node) for fit in self._meant} - {""}))
            return (
                f"claim {self._name} is bound to volume {claim.spec.volume_name}, and no node that takes "
                f"{self._consumer.name} reaches it" + (f" (they are in {there})" if there else "")
            )
        return ""

    def _maker(self) -> str:
        """What makes volumes of the claim's class; empty where that is not known."""
        known = self._storage.class_of(self._claim)
        return known.provisioner if known is not None else ""

    @property
    def waits(self) -> bool:
        """Whether its volume will be made where the pod goes."""
        return not self.bound and self._storage.waits_for_consumer(self._claim)

    @cached_property
    def _users(self) -> frozenset[str]:
        """The nodes where pods use it now."""
        users = self._storage.users.get((self._namespace, self._name), ())
        return frozenset(pod.spec.node_name for pod in users)

    # --- the consumer ---

    @cached_property
    def _meant(self) -> tuple[NodeFit, ...]:
        """The nodes that would take the consumer if they had room, volumes aside."""
        if self._consumer is None:
            return ()
        spec = msgspec.structs.replace(self._consumer.spec, volumes=())
        return self._facts.placement(Pod(metadata=Meta(namespace=self._namespace), spec=spec)).allowed

    @cached_property
    def _reachable(self) -> tuple[NodeFit, ...]:
        """Those of them that reach the claim's volume."""
        here = _pod(self._namespace, self._name, PodSpec())
        return tuple(fit for fit in self._meant if not self._storage.conflicts(here, fit.node))

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """The zones where the consumer can run; empty when that decides nothing."""
        zones = {_zone(fit.node) for fit in self._reachable} - {""}
        everywhere = {_zone(node) for node in self._facts.snapshot.nodes} - {""}
        return () if zones == everywhere else tuple(sorted(zones))

    # --- the place ---

    def place(self) -> Place | None:
        """The first way that a node would take; one with room before one without."""
        ways = [self._try(written, follows=follows) for follows, written in self._ways()]
        there = [way for way in ways if way.nodes]
        return next((way for way in there if way.roomy), there[0] if there else None)

    def _ways(self) -> Iterator[tuple[bool, Document]]:
        if self._consumer is not None:
            yield True, self._written(self._consumer.written)
            if self._consumer.written.get("tolerations"):
                yield False, self._written({"tolerations": self._consumer.written["tolerations"]})
        yield False, self._written({})

    def _written(self, consumer: Mapping[str, Any]) -> Document:
        """What a pod's spec says to go where the consumer goes, and where the volume has to be."""
        selector, tolerations = consumer.get("nodeSelector"), [*consumer.get("tolerations", []), *self._tolerations]
        found: Document = {"nodeSelector": selector} if selector else {}
        found |= {"tolerations": tolerations} if tolerations else {}
        affinity = consumer.get("affinity", {}).get("nodeAffinity", {})
        required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", [])
        if terms := self._pinned(required):
            wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
            found["affinity"] = {"nodeAffinity": wanted}
        return found

    def _pinned(self, terms: list[Document]) -> list[Document]:
        """The consumer's terms, each with the zones and, for a volume of one node, the node added."""
        pins = [{"key": ZONE, "operator": "In", "values": list(self.zones)}] if self.waits and self.zones else []
        shared = {"ReadWriteMany", "ReadOnlyMany"} & set(self._claim.spec.access_modes)
        if self._users and not shared:
            pins.append({"key": HOST, "operator": "In", "values": sorted(self._users)})
        if not pins:
            return terms
        return [{**term, "matchExpressions": [*term.get("matchExpressions", []), *pins]} for term in terms or [{}]]

    def _try(self, written: Document, *, follows: bool) -> Place:
        placement = self._placement(written)
        fitting = tuple(fit.name for fit in placement.fitting)
        nodes = fitting or tuple(fit.name for fit in placement.allowed)
        return Place(written, nodes, bool(fitting), follows)

    def _placement(self, written: Document) -> Placement:
        return self._facts.placement(_pod(self._namespace, self._name, msgspec.convert(written, PodSpec)))

    # --- words ---

    def why_not(self) -> str:
        """What keeps the pod from every node, for the way that follows the consumer."""
        nearest = self._placement(next(self._ways())[1]).nearest
        if not nearest:
            return "there is no node for a pod that downloads"
        fit = nearest[0]
        reasons = [f"taint {taint.key}" for taint in fit.taints]
        reasons += [f"label {item.key}" for item in fit.mismatches] + [
            f"volume of {item.claim}" for item in fit.volumes
        ]
        what = ", ".join(reasons) or fit.unavailable or "no room"
        return f"no node takes a pod that downloads into claim {self._name}; nearest is {fit.name}: {what}"

    def says(self, place: Place) -> str:
        where = f" in {', '.join(self.zones)}" if self.waits and self.zones else ""
        nodes = f"{len(place.nodes)} node{'s' if len(place.nodes) > 1 else ''}"
        what = f"claim {self._name}" if self.exists else f"claim {self._name}, which is to be made,"
        return f"The download into {what} can run on {nodes}{where}, without a GPU."

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a reader should know before saying yes."""
        consumer = self._consumer
        found = []
        if consumer and not self._meant:
            found.append(f"No node is there now that takes {consumer.name}, so the zone follows its selector alone.")
        if consumer and not self.bound and not self.waits and self.zones:
            found.append(
                f"Class {class_name(self._claim) or '(none)'} binds at once, in any zone; "
                f"{consumer.name} runs in {', '.join(self.zones)} only."
            )
        if self._storage.readable and not (self._storage.volumes_readable and self._storage.classes_readable):
            found.append("Volumes or storage classes may not be read, so zones were not checked.")
        return tuple(found)


def _ask(kind: Any, namespace: str) -> ListAsk:
    return ListAsk(kind, namespace if kind.namespaced else "")


def _with(snapshot: ClusterSnapshot, found: Mapping[Source, Any]) -> ClusterSnapshot:
    """The snapshot with these lists in the place of what it had of them."""
    types = tuple(kind.decodes_to for kind in _SOURCES.values() if kind.decodes_to)
    kept = tuple(item for item in snapshot.related if not isinstance(item, types))
    statuses = {status.source: status for status in snapshot.sources}
    for source, items in found.items():
        state = SourceState.DENIED if items is None else SourceState.LIVE
        statuses[source] = SourceStatus(source, state, at=snapshot.at)
    related = (*kept, *(item for items in found.values() for item in items or ()))
    return msgspec.structs.replace(snapshot, related=related, sources=tuple(statuses.values()))


def _pod(namespace: str, claim: str, spec: PodSpec) -> Pod:
    """The seeding pod as the scheduler will see it."""
    container = Container(name="seed", resources=Requirements(requests=REQUESTS))
    volume = Volume(name="models", persistent_volume_claim={"claimName": claim})
    whole_spec = msgspec.structs.replace(spec, containers=(container,), init_containers=(), volumes=(volume,))
    return Pod(metadata=Meta(namespace=namespace), spec=whole_spec)


def _zone(node: Node) -> str:
    return node.metadata.labels.get(ZONE, "")
