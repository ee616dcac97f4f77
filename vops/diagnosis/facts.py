"""Facts: a snapshot joined up, each derived thing computed once and only when somebody asks.

Pods are joined to their containers, nodes, owners, samples, GPUs, events and logs by uid and owner reference. Nothing
here judges: what a state of affairs means is for the rules. Building the replicas of 1,000 pods takes milliseconds;
a log is read when a rule or a screen first looks at it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TypeVar

from vops.diagnosis.network.services import Services
from vops.diagnosis.nodes.daemons import DaemonFacts
from vops.diagnosis.owners import Owners
from vops.diagnosis.placement.filters.devices import Devices
from vops.diagnosis.placement.filters.pod_affinity import Repellers
from vops.diagnosis.placement.filters.rooms import Room, rooms
from vops.diagnosis.placement.filters.volumes import Storage
from vops.diagnosis.placement.recompute import Placement, Surroundings
from vops.diagnosis.placement.scheduler_text import last_words
from vops.diagnosis.provisioning.autoscalers import Autoscalers
from vops.diagnosis.subjects import (
    STAND_IN,
    Replica,
    ScalerFacts,
    WorkloadFacts,
    gpu_product,
    pod_ref,
    served_name,
    workload_ref,
)
from vops.model.kinds import Related
from vops.model.objects import Meta, Ref, Resource
from vops.model.pods import Container, Pod
from vops.model.provisioning import ResourceClaim
from vops.model.resources import Event, Node, Workload
from vops.model.scaling import HorizontalPodAutoscaler, ScaledObject, ScaleTarget
from vops.model.serving import GpuSample, vllm_container
from vops.model.snapshot import ClusterSnapshot, ContainerLog, EngineSamples, Source
from vops.model.storage import PersistentVolume, PersistentVolumeClaim, StorageClass

__all__ = [
    "STAND_IN",
    "DaemonFacts",
    "Facts",
    "Replica",
    "ScalerFacts",
    "WorkloadFacts",
    "gpu_product",
    "pod_ref",
    "served_name",
    "workload_ref",
]

T = TypeVar("T", bound=Resource)
PLACEMENTS = 16
_WORKLOADS = ("deployments", "statefulsets", "replicasets")
_OF_PARTS = {
    "_containers": ("pods",),
    "_servers": ("pods",),
    "pods": ("pods",),
    "nodes": ("nodes",),
    "owners": _WORKLOADS,
    "_events": ("events",),
    "_samples": ("samples",),
    "_gpus": ("gpus",),
    "_related": ("related",),
    "_logs": ("logs",),
}
"""What is derived from nothing but these parts of a snapshot: not from its time, nor from other facts."""


class Facts:
    """Everything derived from one snapshot; immutable, and cheap until asked.

    Where the facts `before` are given, what depends on nothing but parts that are still the same objects is taken over
    from them. The answers are the same, only sooner: of 5,000 pods few are others than a second ago.
    """

    def __init__(self, snapshot: ClusterSnapshot, before: Facts | None = None) -> None:
        self.snapshot = snapshot
        if before is not None:
            self._take_over(before)

    def forget(self) -> None:
        """Lets go of everything derived, for when newer facts are in use; who asks again has it derived again.

        Replicas and facts hold each other, and a fleet's samples with them: a search for garbage comes too late.
        """
        for name in [*vars(self)]:
            if name != "snapshot":
                vars(self).pop(name, None)

    def _take_over(self, before: Facts) -> None:
        """At once, not when it is asked for: facts that held on to those before them would hold on to all of them."""
        had, then, now = vars(before), before.snapshot, self.snapshot
        for name, parts in _OF_PARTS.items():
            if name in had and all(getattr(then, part) is getattr(now, part) for part in parts):
                vars(self)[name] = had[name]
        if "_containers" in had and "_containers" not in vars(self):
            known, pods = before._containers, now.pods
            vars(self)["_containers"] = {
                id(pod): known[id(pod)] if id(pod) in known else vllm_container(pod) for pod in pods
            }
        if "replicas" in had:
            vars(self)["replicas"] = tuple(self._renewed(before, *server) for server in self._servers)

    def _renewed(self, before: Facts, pod: Pod, container: Container) -> Replica:
        """The replica of a pod, with what is known of it from before if it is the same pod."""
        known = before.replica(pod.metadata.namespace, pod.metadata.name)
        if known is None or known.pod is not pod:
            return self._replica_of(pod, container)
        same_owners = before.owners is self.owners
        renewed = self._replica_of(pod, container, (known.workload, known.owner) if same_owners else None)
        renewed.take_over(known)
        return renewed

    # --- replicas and workloads ---

    @cached_property
    def _containers(self) -> dict[int, Container | None]:
        """The vLLM container of every pod by the pod's identity, which is its own as long as the snapshot holds it."""
        return {id(pod): vllm_container(pod) for pod in self.snapshot.pods}

    @cached_property
    def _servers(self) -> tuple[tuple[Pod, Container], ...]:
        """Every pod with a vLLM container, in the order of the snapshot."""
        found = ((pod, self._containers[id(pod)]) for pod in self.snapshot.pods)
        return tuple((pod, container) for pod, container in found if container is not None)

    @cached_property
    def replicas(self) -> tuple[Replica, ...]:
        """Every pod with a vLLM container, in the order of the snapshot."""
        return tuple(self._replica_of(pod, container) for pod, container in self._servers)

    @cached_property
    def _replicas_by_name(self) -> dict[tuple[str, str], Replica]:
        return {(replica.namespace, replica.name): replica for replica in self.replicas}

    def replica(self, namespace: str, name: str) -> Replica | None:
        """The replica of that name; None when there is no such pod, or it does not run vLLM."""
        return self._replicas_by_name.get((namespace, name))

    def replica_of_pod(self, pod: Pod) -> Replica | None:
        """`pod` as a replica even when nothing shows that it runs vLLM; None when it has no containers."""
        known = self.replica(pod.metadata.namespace, pod.metadata.name)
        if known is not None or not pod.spec.containers:
            return known
        return self._replica_of(pod, pod.spec.containers[0])

    @cached_property
    def workloads(self) -> tuple[WorkloadFacts, ...]:
        """Every Deployment and StatefulSet that runs vLLM, also those without a pod."""
        members: dict[str, list[Replica]] = defaultdict(list)
        for replica in self.replicas:
            if replica.workload is not None:
                members[replica.workload.metadata.uid].append(replica)
        found = []
        for workload in (*self.snapshot.deployments, *self.snapshot.statefulsets):
            container = vllm_container(Pod(metadata=Meta(), spec=workload.spec.template.spec))
            replicas = tuple(members.get(workload.metadata.uid, ()))
            if container is not None or replicas:
                found.append(WorkloadFacts(workload, self, replicas, container))
        return tuple(found)

    def workload_of(self, workload: Workload) -> WorkloadFacts:
        """`workload` as one of ours even when nothing shows that it runs vLLM."""
        known = self.workload(workload.kind, workload.metadata.namespace, workload.metadata.name)
        return known or WorkloadFacts(workload, self)

    def workload(self, kind: str, namespace: str, name: str) -> WorkloadFacts | None:
        """The vLLM workload of that kind (Deployment, StatefulSet) and name."""
        wanted = (kind, namespace, name)
        return next((item for item in self.workloads if (item.ref.kind, item.namespace, item.name) == wanted), None)

    @cached_property
    def scalers(self) -> tuple[ScalerFacts, ...]:
        """Every autoscaler of a vLLM workload, and every one whose target is not there."""
        hpas = {(item.metadata.namespace, item.metadata.name): item for item in self.all(HorizontalPodAutoscaler)}
        found = []
        for item in self.all(ScaledObject):
            meta = item.metadata
            hpa = hpas.pop((meta.namespace, item.status.hpa_name or f"keda-hpa-{meta.name}"), None)
            found.append(self._scaler(item.spec.scale_target_ref, meta.namespace, hpa, item))
        found += [self._scaler(item.spec.scale_target_ref, item.metadata.namespace, item) for item in hpas.values()]
        return tuple(filter(None, found))

    def _scaler(
        self,
        target: ScaleTarget,
        namespace: str,
        hpa: HorizontalPodAutoscaler | None,
        scaled_object: ScaledObject | None = None,
    ) -> ScalerFacts | None:
        """None when the target is a workload that does not run vLLM."""
        workload = self.workload(target.kind or "Deployment", namespace, target.name)
        other = workload is None and (target.kind, namespace, target.name) in self._workload_names
        return None if other else ScalerFacts(self, hpa, scaled_object, workload)

    @cached_property
    def _workload_names(self) -> frozenset[tuple[str, str, str]]:
        everything = (*self.snapshot.deployments, *self.snapshot.statefulsets)
        return frozenset((item.kind, item.metadata.namespace, item.metadata.name) for item in everything)

    def scaler(self, kind: str, namespace: str, name: str) -> ScalerFacts | None:
        """The autoscaler of that kind (ScaledObject, HorizontalPodAutoscaler) and name."""
        wanted = (kind, namespace, name)
        return next((item for item in self.scalers if (item.ref.kind, item.namespace, item.name) == wanted), None)

    @cached_property
    def daemons(self) -> tuple[DaemonFacts, ...]:
        """Every DaemonSet that exports what the GPUs do."""
        found = (DaemonFacts(item, self) for item in self.snapshot.daemonsets)
        return tuple(item for item in found if item.exports_gpus)

    def daemon(self, namespace: str, name: str) -> DaemonFacts | None:
        """The DaemonSet of that name, whatever it runs."""
        names = ((item.metadata, item) for item in self.snapshot.daemonsets)
        found = next((item for meta, item in names if (meta.namespace, meta.name) == (namespace, name)), None)
        return None if found is None else DaemonFacts(found, self)

    @cached_property
    def services(self) -> Services:
        """The Services, and which pods they lead to."""
        return Services(self)

    def _replica_of(
        self, pod: Pod, container: Container, owned: tuple[Workload | None, Ref | None] | None = None
    ) -> Replica:
        """`owned`: by what, where that is known."""
        key = (pod.metadata.namespace, pod.metadata.name)
        workload, owner = owned or self.owners.of(pod)
        return Replica(
            pod=pod,
            container=container,
            facts=self,
            status=pod.container_status(container.name),
            node=self.nodes.get(pod.spec.node_name),
            workload=workload,
            owner=owner,
            samples=self._samples.get(key),
            gpus=tuple(self._gpus.get(key, ())),
        )

    # --- joins ---

    def all(self, type_: type[T]) -> tuple[T, ...]:
        """The related objects of one type, in the order of the snapshot; whether they were read its source tells."""
        return tuple(item for item in self._related.get(type_, ()) if isinstance(item, type_))

    @cached_property
    def _related(self) -> dict[type, list[Related]]:
        found: dict[type, list[Related]] = defaultdict(list)
        for item in self.snapshot.related:
            found[type(item)].append(item)
        return found

    @cached_property
    def nodes(self) -> dict[str, Node]:
        return {node.metadata.name: node for node in self.snapshot.nodes}

    @cached_property
    def pods(self) -> dict[tuple[str, str], Pod]:
        """Every pod by namespace and name."""
        return {(pod.metadata.namespace, pod.metadata.name): pod for pod in self.snapshot.pods}

    @cached_property
    def owners(self) -> Owners:
        """Who controls which pod."""
        return Owners(self.snapshot)

    @cached_property
    def _samples(self) -> dict[tuple[str, str], EngineSamples]:
        return {(item.namespace, item.pod): item for item in self.snapshot.samples}

    @cached_property
    def _gpus(self) -> dict[tuple[str, str], list[GpuSample]]:
        found: dict[tuple[str, str], list[GpuSample]] = defaultdict(list)
        for gpu in self.snapshot.gpus:
            if gpu.pod:
                found[gpu.namespace, gpu.pod].append(gpu)
        return found

    # --- scheduling ---

    @cached_property
    def rooms(self) -> dict[str, Room]:
        """Every node by name, with what the pods on it hold."""
        return rooms(self.snapshot.nodes, self.snapshot.pods)

    @cached_property
    def storage(self) -> Storage:
        """The volume claims of the snapshot, with the volumes and classes behind them."""
        return Storage(
            self.all(PersistentVolumeClaim),
            self.all(PersistentVolume),
            self.all(StorageClass),
            self.snapshot.pods,
            readable=self.snapshot.source(Source.CLAIMS).usable,
            volumes_readable=self.snapshot.source(Source.VOLUMES).usable,
            classes_readable=self.snapshot.source(Source.STORAGE_CLASSES).usable,
        )

    @cached_property
    def _surroundings(self) -> Surroundings:
        devices = Devices(self.all(ResourceClaim), readable=self.snapshot.source(Source.RESOURCE_CLAIMS).usable)
        return Surroundings(self.rooms, Repellers(self.rooms), self.storage, devices)

    @cached_property
    def placement_of(self) -> Callable[[Replica], Placement]:
        """The placement of a replica; the last ones are kept, since all of them would be pods times nodes."""
        return lru_cache(maxsize=PLACEMENTS)(lambda replica: self.placement(replica.pod))

    def placement(self, pod: Pod) -> Placement:
        """A pod against every node, and what the scheduler says about it."""
        condition = pod.condition("PodScheduled")
        if condition is not None and condition.status == "True":
            return Placement(pod, self._surroundings)
        said = condition.message if condition is not None else ""
        events = () if pod.spec.node_name else self.events_of(pod_ref(pod))
        return Placement(pod, self._surroundings, last_words(said, events))

    @cached_property
    def autoscalers(self) -> Autoscalers:
        """What brings nodes to the cluster, as far as it shows itself."""
        return Autoscalers(self.snapshot)

    # --- events ---

    @cached_property
    def _events(self) -> dict[tuple[str, str, str], list[Event]]:
        found: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
        for event in self.snapshot.events:
            about = event.involved_object
            found[about.kind, about.namespace, about.name].append(event)
        return found

    @cached_property
    def _events_by_reason(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = defaultdict(list)
        for event in sorted(self.snapshot.events, key=lambda event: event.last_seen or self.snapshot.at):
            found[event.reason].append(event)
        return found

    def events_with(self, *reasons: str) -> tuple[Event, ...]:
        """Events of these reasons about whatever object, oldest first of each reason."""
        return tuple(event for reason in reasons for event in self._events_by_reason.get(reason, ()))

    def events_of(self, ref: Ref) -> tuple[Event, ...]:
        """Events about exactly this incarnation of an object, oldest first."""
        about = self._events.get((ref.kind, ref.namespace, ref.name), ())
        same = [
            event
            for event in about
            if not (event.involved_object.uid and ref.uid) or event.involved_object.uid == ref.uid
        ]
        return tuple(sorted(same, key=lambda event: event.last_seen or self.snapshot.at))

    # --- logs ---

    @cached_property
    def _logs(self) -> dict[tuple[str, str, str, bool], ContainerLog]:
        return {(log.namespace, log.pod, log.container, log.previous): log for log in self.snapshot.logs}

    def container_log(self, namespace: str, pod: str, container: str, *, previous: bool) -> ContainerLog | None:
        return self._logs.get((namespace, pod, container, previous))
