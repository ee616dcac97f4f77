"""Contents of a bundle while its files are read: objects, logs and metrics are put where they belong."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from vops.diagnosis.facts import STAND_IN
from vops.model.dcgm import parse_gpus
from vops.model.exposition import parse_sample
from vops.model.kinds import RELATED_TYPES, Related
from vops.model.network import SERVICE_LABEL, EndpointSlice, Service
from vops.model.objects import Ref, Resource
from vops.model.pods import Pod
from vops.model.provisioning import ConfigMap, NodeClaim, NodePool
from vops.model.resources import Event, Node, Workload
from vops.model.serving import GpuSample
from vops.model.snapshot import (
    ClusterSnapshot,
    ContainerLog,
    EngineSamples,
    QueryAnswer,
    Source,
    SourceState,
    SourceStatus,
)
from vops.model.storage import PersistentVolumeClaim
from vops.model.text import scrub
from vops.operations.intake.bundle_events import about_something, causes
from vops.operations.intake.bundle_files import BundleFile, Content, read_files
from vops.operations.intake.bundle_node_subjects import (
    TAKEN_BACK,
    pods_of_claims,
    pods_of_groups,
    pods_of_nodes,
    pods_of_pools,
    serving_on,
)
from vops.operations.intake.bundle_objects import (
    SOURCES,
    Document,
    Objects,
    newer,
    read_described_objects,
    read_objects,
)
from vops.operations.intake.bundle_pods import PodFile, main_container, owners, split_previous, stand_in, with_its_end
from vops.operations.intake.bundle_subjects import (
    above,
    objects_of,
    tells_of_no_volume,
    waiting_for,
)
from vops.operations.intake.bundle_templates import Template, is_unborn, made_from, only_template, runs_whole
from vops.operations.printed.describe_tables import listed_at
from vops.operations.printed.logs_within import log_within

NOT_THERE = "not in the bundle"
_OF_NO_POD = frozenset(
    {
        "ConfigMap",
        "NodeClaim",
        "NodePool",
        "PersistentVolume",
        "StorageClass",
        "ResourceQuota",
        "Service",
        "EndpointSlice",
        "NetworkPolicy",
        "ServiceMonitor",
        "PodMonitor",
        "Prometheus",
    }
)
"""What is no subject, and needs no pod: beside it events alone tell what they are about."""

_SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
_NODE_FILES = ("nodes.json", "nodes.yaml", "nodes.yml")


class Contents:
    """Collects what the files hold; an object that comes twice counts once, as it was read last."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        self.documents: dict[Ref, Document] = {}
        self.newest: datetime | None = None
        self.nodes: dict[str, Node] = {}
        self._pods: dict[tuple[str, str], PodFile] = {}
        self._stand_ins: dict[str, Pod] = {}
        self._unborn: dict[tuple[str, str], PodFile] = {}
        self._workloads: dict[tuple[str, str, str], Workload] = {}
        self._related: dict[tuple[str, str, str], Related] = {}
        self._events: dict[object, Event] = {}
        self._logs: dict[tuple[str, str, str, bool], ContainerLog] = {}
        self._samples: dict[tuple[str, str], EngineSamples] = {}
        self._gpus: list[GpuSample] = []
        self._queries: dict[str, QueryAnswer] = {}
        self._held: set[Source] = set()
        self._snapshots: list[ClusterSnapshot] = []

    # --- objects ---

    def add_objects(self, file: BundleFile) -> None:
        text = file.text
        if file.content is Content.DESCRIBED:
            made = {name: item.pod.metadata.creation_timestamp for (_, name), item in self._pods.items()}
            born = {name: when for name, when in made.items() if when is not None}
            objects = read_described_objects(text, file.name, self.newest, born)
            self.newest = newer(self.newest, listed_at(text, born))
        else:
            objects = read_objects(text, file.name)
            self.documents |= objects.raw
        self.problems += objects.problems
        self.newest = newer(self.newest, objects.newest)
        self._held |= objects.listed
        for kind, item in objects.found:
            self._held.add(SOURCES[kind])
            self._add(item, kind, file.folder)
        for snapshot in objects.snapshots:
            self._add_snapshot(snapshot, file.folder)

    def add_nodes_above(self, paths: Iterable[Path]) -> None:
        """The nodes beside a folder, where several folders of pods share them."""
        parents = {path.resolve().parent for path in paths if path.is_dir()}
        found = [parent / name for parent in sorted(parents) for name in _NODE_FILES if (parent / name).is_file()]
        files, problems = read_files(found, None)
        self.problems += problems
        for file in files:
            objects = read_objects(file.text, file.name)
            self._add_nodes(objects)

    def _add_nodes(self, objects: Objects) -> None:
        self.problems += objects.problems
        for _, item in objects.found:
            if isinstance(item, Node):
                self._held.add(Source.NODES)
                self._add(item, "Node", None)

    def add_subjects_of_events(self) -> None:
        """What the events are about, where the bundle holds neither a pod nor what makes pods."""
        self._set_unborn_aside()
        self._add_deployments_above()
        if not self._pods and not self._workloads:
            self._add_pods_of_claims()
            self._add_pods_of_services()
        known = {item for item in self._related if item[0] not in _OF_NO_POD}
        if self._pods or ((self._workloads or known) and self._template is None):
            return
        if self._add_pods_of_nodes():
            return
        self._events = {key: about_something(event) for key, event in self._events.items()}
        made = self._workloads or known
        for kind, item in objects_of(causes(self._events.values()), "events"):
            if isinstance(item, Pod) or not made:
                self._held.add(SOURCES[kind])
                self._add(made_from(self._template, item) if isinstance(item, Pod) else item, kind, None)

    @property
    def _template(self) -> Template | None:
        """What the pods were made from, where one manifest alone can be meant and does not say that all is well."""
        unborn = [item.pod for item in self._unborn.values()]
        return only_template(unborn, [item for item in self._workloads.values() if not runs_whole(item)])

    def _set_unborn_aside(self) -> None:
        """The only pod, where it is a manifest that no cluster has seen: events and log tell what became of it."""
        if len(self._pods) > 1:  # a manifest says more than what somebody wrote of its amounts
            named = {key: item for key, item in self._pods.items() if STAND_IN not in item.pod.metadata.annotations}
            self._pods = named if all(is_unborn(item.pod) for item in self._pods.values()) and named else self._pods
        if len(self._pods) == 1 and all(is_unborn(item.pod) for item in self._pods.values()):
            self._unborn, self._pods = self._pods, {}

    def _add_pods_of_claims(self) -> None:
        """What waits for claims that came alone and have no volume."""
        claims = [item for item in self._related.values() if isinstance(item, PersistentVolumeClaim)]
        refused = {item.involved_object.name for item in self._events.values() if tells_of_no_volume(item)}
        for claim in claims:
            alone = not claim.spec.storage_class_name and not self._events
            meant = claim.metadata.name in refused or ("" in refused and len(claims) == 1)
            if claim.status.phase in ("Pending", "Lost") and (meant or alone):
                self._held.add(Source.PODS)
                self._add(waiting_for(claim, "its claim"), "Pod", None)

    def _add_pods_of_services(self) -> None:
        """What stands for the pods that a Service without addresses, which came alone, does not lead to."""
        for item in [item for item in self._related.values() if isinstance(item, EndpointSlice)]:
            meta = item.metadata
            service = self._related.get(("Service", meta.namespace, meta.labels.get(SERVICE_LABEL, "")))
            if not item.endpoints and isinstance(service, Service) and service.spec.selector:
                self._add(serving_on("unknown", meta.namespace, "its Service"), "Pod", None)
                self._held.add(Source.PODS)

    def _add_pods_of_nodes(self) -> bool:
        """What cannot run because of nodes or NodeClaims that came alone; whether there is any."""
        claims = [item for item in self._related.values() if isinstance(item, NodeClaim)]
        if any(item.involved_object.kind == "Pod" or item.reason in TAKEN_BACK for item in self._events.values()):
            return False
        pods = list(pods_of_nodes(self.nodes.values(), self._events.values()))
        for pod, event in pods_of_claims(claims):
            pods.append(pod)
            self._add(event, "Event", None)
            self._held.add(Source.EVENTS)
        if not pods and not self._events:
            pods += pods_of_pools(item for item in self._related.values() if isinstance(item, NodePool))
            pods += pods_of_groups(item for item in self._related.values() if isinstance(item, ConfigMap))
        for pod in pods:
            self._add(pod, "Pod", None)
            self._held.add(Source.PODS)
        return bool(pods)

    def _add_deployments_above(self) -> None:
        """The Deployments of ReplicaSets that came without them: those are what is diagnosed."""
        for replicaset in [item for (kind, _, _), item in self._workloads.items() if kind == "ReplicaSet"]:
            controller, namespace = replicaset.metadata.controller, replicaset.metadata.namespace
            if controller is None or controller.kind != "Deployment":
                continue
            if ("Deployment", namespace, controller.name) not in self._workloads:
                for item in above(replicaset):
                    self._add(item, item.kind, None)
                self._held.add(Source.DEPLOYMENTS)

    def _add(self, item: Resource, kind: str, folder: Path | None) -> None:
        meta = item.metadata
        if isinstance(item, Pod):
            self._pods[meta.namespace, meta.name] = PodFile(item, folder)
        elif isinstance(item, Node):
            self.nodes[meta.name] = item
        elif isinstance(item, Event):
            self._events[meta.uid or (meta.namespace, meta.name) if meta.name else len(self._events)] = item
        elif isinstance(item, Workload):
            named = msgspec.structs.replace(item, kind=item.kind if STAND_IN in meta.annotations else kind)
            self._workloads[kind, meta.namespace, meta.name] = named
        elif isinstance(item, RELATED_TYPES):
            self._related[kind, meta.namespace, meta.name] = item

    def _add_snapshot(self, snapshot: ClusterSnapshot, folder: Path | None) -> None:
        self._snapshots.append(snapshot)
        self.newest = newer(self.newest, snapshot.at if snapshot.at.tzinfo else None)
        for pod in snapshot.pods:
            self._add(pod, "Pod", folder)
        for node in snapshot.nodes:
            self._add(node, "Node", folder)
        for event in snapshot.events:
            self._add(event, "Event", folder)
        workloads = (*snapshot.deployments, *snapshot.replicasets, *snapshot.statefulsets, *snapshot.daemonsets)
        for workload in workloads:
            self._add(workload, workload.kind, folder)
        for item in snapshot.related:
            self._add(item, type(item).__name__, folder)
        self._logs.update({(log.namespace, log.pod, log.container, log.previous): log for log in snapshot.logs})
        self._samples.update({(item.namespace, item.pod): item for item in snapshot.samples})
        self._gpus += snapshot.gpus
        self._queries.update({answer.query: answer for answer in snapshot.queries})

    # --- logs and metrics ---

    def add_log(self, file: BundleFile, at: datetime) -> None:
        name, previous = split_previous(scrub(file.stem))
        text = scrub(file.text)
        if not text.strip():
            return
        if not self._pods:
            self._stand_in(name, file.name, text, at, previous)
        owner = self._owner(name, file)
        if owner is None:
            return
        pod, container = owner
        meta = pod.metadata
        self._held.add(Source.LOGS)
        log = ContainerLog(meta.namespace, meta.name, container, text, previous, truncated=file.cut)
        self._logs[meta.namespace, meta.name, container, previous] = log

    def add_log_within(self, file: BundleFile, at: datetime) -> None:
        """The log that was pasted behind the description of the only pod."""
        text = log_within(scrub(file.text))
        if not text.strip() or len(self._pods) != 1:
            return
        (named, found), *_ = self._pods.items()
        pod = with_its_end(found.pod, file.name, text, at)
        self._pods[named] = PodFile(pod, found.folder)
        meta, container = pod.metadata, main_container(pod)
        status = pod.container_status(container)
        previous = status is not None and status.restart_count > 0 and status.state.running is not None
        key = (meta.namespace, meta.name, container, previous)
        if key not in self._logs:
            self._held.add(Source.LOGS)
            self._logs[key] = ContainerLog(meta.namespace, meta.name, container, text, previous)

    def add_metrics(self, file: BundleFile, at: datetime) -> None:
        sample = parse_sample(file.body, at)
        gpus = parse_gpus(file.body, at)
        if gpus:
            self._held.add(Source.DCGM)
            self._gpus += gpus
        if not sample.engines:
            if not gpus:
                self.problems.append(f"{file.name}: holds no metrics of vLLM or of a GPU")
            return
        name = scrub(file.stem)
        if not self._pods and name not in self._stand_ins:
            self._stand_ins[name] = stand_in(name, file.name, None, at)
        owner = self._owner(name, file)
        if owner is not None:
            meta = owner[0].metadata
            self._held.add(Source.METRICS)
            self._samples[meta.namespace, meta.name] = EngineSamples(meta.namespace, meta.name, latest=sample)

    def _stand_in(self, name: str, source: str, text: str, at: datetime, previous: bool) -> None:
        """The pod of a log on its own; the log of the present instance tells its state, where there are two."""
        if name not in self._stand_ins or not previous:
            pod = stand_in(name, source, text, at, previous=previous)
            self._stand_ins[name] = made_from(self._template, pod, text)

    def _owner(self, name: str, file: BundleFile) -> tuple[Pod, str] | None:
        if not self._pods:
            pod = self._stand_ins[name]
            return pod, main_container(pod)
        found = owners(name, file.folder, list(self._pods.values()))
        if len(found) == 1:
            return found[0]
        why = "more than one pod of the bundle has such a container" if found else "no pod of the bundle is called so"
        self.problems.append(f"{file.name}: not used: {why}; call it POD_CONTAINER")
        return None

    # --- the whole ---

    def snapshot(self, at: datetime) -> ClusterSnapshot:
        refused = any(event.reason == "FailedCreate" for event in self._events.values())
        seen = self._pods or ({} if self._stand_ins or refused else self._unborn)
        pods = (*(item.pod for item in seen.values()), *self._stand_ins.values())
        held = self._held | ({Source.PODS} if self._stand_ins else set())
        first = self._snapshots[0] if self._snapshots else None
        return ClusterSnapshot(
            at=at,
            context=first.context if first else "",
            server_version=first.server_version if first else "",
            sources=tuple(self._status(source, held, at) for source in Source),
            pods=pods,
            nodes=tuple(self.nodes.values()),
            deployments=self._of_kind("Deployment"),
            replicasets=self._of_kind("ReplicaSet"),
            statefulsets=self._of_kind("StatefulSet"),
            daemonsets=self._of_kind("DaemonSet"),
            related=tuple(self._related.values()),
            events=tuple(map(self._placed, self._events.values())),
            logs=tuple(self._logs.values()),
            samples=tuple(self._samples.values()),
            gpus=tuple(self._gpus),
            queries=tuple(self._queries.values()),
        )

    def _placed(self, event: Event) -> Event:
        """An event that came without a namespace, put where the only object of its name is."""
        about = event.involved_object
        scalers = [key[1:] for key in self._related if key[0] == about.kind in _SCALERS]
        likely = list(self._pods) if about.kind == "Pod" else scalers
        if not about.name and len(likely) == 1:
            ((namespace, name),) = likely
            only = msgspec.structs.replace(about, name=name, namespace=namespace)
            return msgspec.structs.replace(event, involved_object=only)
        if about.namespace:
            return event
        found = {space for space, name in self._pods if about.kind == "Pod" and name == about.name}
        found |= {space for kind, space, name in self._workloads if (kind, name) == (about.kind, about.name)}
        if len(found) != 1:
            return event
        return msgspec.structs.replace(event, involved_object=msgspec.structs.replace(about, namespace=found.pop()))

    def _of_kind(self, kind: str) -> tuple[Workload, ...]:
        return tuple(item for (known, _, _), item in self._workloads.items() if known == kind)

    def _status(self, source: Source, held: set[Source], at: datetime) -> SourceStatus:
        """From the files when they hold it; else as the snapshot of the bundle saw it."""
        if source in held:
            return SourceStatus(source, SourceState.LIVE, at=at)
        seen = (status for item in self._snapshots for status in item.sources if status.source is source)
        return next(seen, SourceStatus(source, SourceState.ABSENT, detail=NOT_THERE))
