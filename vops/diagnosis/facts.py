"""Facts: a snapshot joined up, each derived thing computed once and only when somebody asks.

Pods are joined to their containers, nodes, owners, samples, GPUs, events and logs by uid and owner reference. Nothing
here judges: what a state of affairs means is for the rules. Building the replicas of 1,000 pods takes milliseconds;
a log is read when a rule or a screen first looks at it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from vops.diagnosis.demands import gpu_request
from vops.diagnosis.logs import LogReading, read_log
from vops.diagnosis.owners import Owners
from vops.diagnosis.placement import Placement, Room, rooms
from vops.diagnosis.states import ReplicaState, replica_state
from vops.model.rates import rates
from vops.model.resources import Container, ContainerStatus, Event, Meta, Node, Pod, Ref, Terminated, Workload
from vops.model.serving import EngineArgs, EngineRates, GpuSample, vllm_container
from vops.model.snapshot import ClusterSnapshot, ContainerLog, EngineSamples

_GPU_LABELS = (
    "nvidia.com/gpu.product",
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "k8s.amazonaws.com/accelerator",
    "amd.com/gpu.product-name",
)

STAND_IN = "vops.stands-in-for"
"""The annotation of a pod that was made up for a log or a scrape that came without one."""

_NO_LOG = ("unable to retrieve container logs for ", "failed to try resolving symlinks in path ", "Error from server")
"""What the kubelet and kubectl say in place of a log that is gone."""


@dataclass(frozen=True, eq=False)
class Replica:
    """One pod that runs (or should run) a vLLM server, with everything known about it.

    `workload` is the Deployment or StatefulSet when it was observed; `owner` names the topmost owner even when it was
    not. `samples` and `gpus` are empty where nothing could be scraped: missing is never zero.
    """

    pod: Pod
    container: Container
    facts: Facts = field(repr=False)
    status: ContainerStatus | None = None
    node: Node | None = None
    workload: Workload | None = None
    owner: Ref | None = None
    samples: EngineSamples | None = None
    gpus: tuple[GpuSample, ...] = ()

    @property
    def namespace(self) -> str:
        return self.pod.metadata.namespace

    @property
    def name(self) -> str:
        return self.pod.metadata.name

    @cached_property
    def ref(self) -> Ref:
        return pod_ref(self.pod)

    @cached_property
    def state(self) -> ReplicaState:
        return replica_state(self)

    @cached_property
    def args(self) -> EngineArgs:
        return EngineArgs.of(self.container)

    @cached_property
    def model(self) -> str:
        """What clients call it by, as far as known: from a scrape, the arguments, or the log."""
        sampled = self.samples.latest.model if self.samples and self.samples.latest else ""
        logged = next((log.model for log in (self.log, self.previous_log) if log and log.model), "")
        return sampled or served_name(self.args) or logged

    @cached_property
    def rates(self) -> EngineRates | None:
        """What happened between the two scrapes; None where there are not two."""
        if self.samples is None or self.samples.earlier is None or self.samples.latest is None:
            return None
        return rates(self.samples.earlier, self.samples.latest)

    @cached_property
    def gpu_count(self) -> int:
        """How many GPUs the pod asks for."""
        return gpu_request(self.pod)

    @cached_property
    def gpu_product(self) -> str:
        """The kind of GPU of its node, as the node's labels or DCGM name it; empty when unknown."""
        if product := gpu_product(self.node):
            return product
        return next((gpu.model for gpu in self.gpus if gpu.model), "")

    @cached_property
    def placement(self) -> Placement:
        """The pod against every node that was observed."""
        return self.facts.placement(self.pod)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Events about this incarnation of the pod, oldest first."""
        return self.facts.events_of(self.ref)

    @cached_property
    def log(self) -> LogReading | None:
        """The log of the instance that runs now (or ran last); None when it was not fetched."""
        return _reading(self.log_source(previous=False))

    @cached_property
    def previous_log(self) -> LogReading | None:
        """The log of the instance before the last restart; None when there was none or it was not fetched."""
        return _reading(self.log_source(previous=True))

    def log_source(self, *, previous: bool) -> ContainerLog | None:
        """The text that `log` or `previous_log` was read from."""
        return self.facts.container_log(self.namespace, self.name, self.container.name, previous=previous)

    @property
    def last_death(self) -> Terminated | None:
        """How an instance of the container ended last: the present state when it is dead, else the state before."""
        if self.status is None:
            return None
        return self.status.state.terminated or self.status.last_state.terminated

    @property
    def runs(self) -> bool:
        """Whether an instance of the container runs at this moment."""
        return self.status is not None and self.status.state.running is not None

    @cached_property
    def death_log(self) -> LogReading | None:
        """The log of the instance that `last_death` is about.

        Between two instances the kubelet serves the dead one's log as the current log.
        """
        return self.previous_log if self._died_in_previous_log else self.log or self.previous_log

    @property
    def death_log_is_previous(self) -> bool:
        """Whether `death_log` is what `kubectl logs --previous` shows."""
        return self._died_in_previous_log or self.log is None

    @cached_property
    def _died_in_previous_log(self) -> bool:
        """Whether the dead instance's log is the previous one: a new instance runs, or began while the logs were read.

        The latter shows as an exit code of Python's with no error in the current log, and one in the previous log.
        """
        if self.runs:
            return True
        if self.log is None or self.log.root is not None or self.previous_log is None:
            return False
        failed = self.last_death is not None and self.last_death.exit_code in (1, 2)
        return failed and self.previous_log.root is not None

    @property
    def observed(self) -> bool:
        """Whether the pod's own object was seen; a log that came alone has a pod that only stands for it."""
        return STAND_IN not in self.pod.metadata.annotations

    @property
    def restarts(self) -> int:
        return self.status.restart_count if self.status else 0


@dataclass(frozen=True, eq=False)
class WorkloadFacts:
    """A Deployment or StatefulSet that runs vLLM, with the replicas it has now."""

    workload: Workload
    replicas: tuple[Replica, ...] = ()
    container: Container | None = None

    @cached_property
    def ref(self) -> Ref:
        meta = self.workload.metadata
        return Ref(self.workload.kind, meta.name, meta.namespace, meta.uid)

    @property
    def namespace(self) -> str:
        return self.workload.metadata.namespace

    @property
    def name(self) -> str:
        return self.workload.metadata.name

    @cached_property
    def model(self) -> str:
        declared = served_name(EngineArgs.of(self.container)) if self.container else ""
        return declared or next((replica.model for replica in self.replicas if replica.model), "")

    @property
    def desired(self) -> int:
        """How many replicas are asked for (the API's default is 1)."""
        return 1 if self.workload.spec.replicas is None else self.workload.spec.replicas

    @property
    def ready(self) -> int:
        """How many of them are ready, counted from the pods themselves."""
        return sum(replica.state is ReplicaState.READY for replica in self.replicas)


class Facts:
    """Everything derived from one snapshot; immutable, and cheap until asked."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self.snapshot = snapshot

    # --- replicas and workloads ---

    @cached_property
    def replicas(self) -> tuple[Replica, ...]:
        """Every pod with a vLLM container, in the order of the snapshot."""
        found = ((pod, vllm_container(pod)) for pod in self.snapshot.pods)
        return tuple(self._replica_of(pod, container) for pod, container in found if container is not None)

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
                found.append(WorkloadFacts(workload, replicas, container))
        return tuple(found)

    def workload(self, kind: str, namespace: str, name: str) -> WorkloadFacts | None:
        """The vLLM workload of that kind (Deployment, StatefulSet) and name."""
        wanted = (kind, namespace, name)
        return next((item for item in self.workloads if (item.ref.kind, item.namespace, item.name) == wanted), None)

    def _replica_of(self, pod: Pod, container: Container) -> Replica:
        key = (pod.metadata.namespace, pod.metadata.name)
        workload, owner = self.owners.of(pod)
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

    def placement(self, pod: Pod) -> Placement:
        """A pod against every node."""
        return Placement(pod, self.rooms)

    # --- events ---

    @cached_property
    def _events(self) -> dict[tuple[str, str, str], list[Event]]:
        found: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
        for event in self.snapshot.events:
            about = event.involved_object
            found[about.kind, about.namespace, about.name].append(event)
        return found

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


def pod_ref(pod: Pod) -> Ref:
    meta = pod.metadata
    return Ref("Pod", meta.name, meta.namespace, meta.uid)


def gpu_product(node: Node | None) -> str:
    """The kind of GPU that a node's labels name, such as `NVIDIA-L4`; empty when they do not."""
    labels = node.metadata.labels if node else {}
    return next((labels[key] for key in _GPU_LABELS if labels.get(key)), "")


def served_name(args: EngineArgs) -> str:
    """The name that clients use: the first served name, else the model."""
    served = args.served_model_name
    first = served if isinstance(served, str) else next(iter(served or ()), "")
    return first or args.model


def _reading(log: ContainerLog | None) -> LogReading | None:
    if log is None or not log.text.strip() or log.text.startswith(_NO_LOG):
        return None
    return read_log(log.text)
