"""What a diagnosis can be about: a replica, a workload, or what scales it, each with everything known about it.

They are views of one snapshot: `facts` is where they came from, and what is around them is asked of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from vops.diagnosis.logs.reader import read_log
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.placement.demands import gpu_request
from vops.diagnosis.placement.recompute import Placement
from vops.diagnosis.placement.settling import settles
from vops.diagnosis.provisioning.coming import provisioning
from vops.diagnosis.provisioning.outcomes import Provisioning
from vops.diagnosis.states import ReplicaState, is_settled, replica_state
from vops.model.objects import Ref
from vops.model.pods import Container, ContainerStatus, Pod, Terminated
from vops.model.rates import rates
from vops.model.resources import Event, Node, Workload
from vops.model.scaling import HorizontalPodAutoscaler, ScaledObject, ScaleTarget
from vops.model.serving import EngineArgs, EngineRates, GpuSample
from vops.model.snapshot import ContainerLog, EngineSamples

if TYPE_CHECKING:
    from vops.diagnosis.facts import Facts

_GPU_LABELS = (
    "nvidia.com/gpu.product",
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "k8s.amazonaws.com/accelerator",
    "amd.com/gpu.product-name",
)

STAND_IN = "vops.stands-in-for"
"""The annotation of a pod that was made up for a log or a scrape that came without one."""

_OF_POD = ("ref", "args", "gpu_count")
"""What a replica derives of its pod alone."""

_LEAST_LOG = 40
_OF_SIGNALS = 128
"""Above it an exit code tells of a signal."""

_BY_RUNTIME = ("StartError", "ContainerCannotRun", "ContainerStatusUnknown", "OOMKilled")
"""Reasons of ends whose message is not the container's own."""

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

    def take_over(self, earlier: Replica) -> None:
        """Keeps what was derived of the same pod a moment ago, as far as only a change of its objects changes it."""
        had = vars(earlier)
        names = [*_OF_POD, *(["state"] if is_settled(earlier) else [])]
        names += ["rates"] if self.samples is earlier.samples else []
        vars(self).update({name: had[name] for name in names if name in had})

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
        return sampled or served_name(self.args) or self._logged_model

    @property
    def _logged_model(self) -> str:
        return next((log.model for log in (self.log, self.previous_log) if log and log.model), "")

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

    @property
    def placement(self) -> Placement:
        """The pod against every node that was observed."""
        return self.facts.placement_of(self)

    @cached_property
    def settles(self) -> str:
        """What it waits for, while it has no node, that ends by itself; empty where nothing does."""
        return settles(self)

    @cached_property
    def provisioning(self) -> Provisioning:
        """Whether a node is coming for it, while it has none."""
        return provisioning(self)

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

        The end of it, as the container left it for its status, where no log was read.
        """
        found = self.previous_log if self._died_in_previous_log else self.log or self.previous_log
        if found is not None and self._failed:
            found = found.of_the_dead()
        return found or self._last_message

    @property
    def _failed(self) -> bool:
        """Whether the instance that ended last failed by itself: neither a signal ended it nor the kernel."""
        death = self.last_death
        return death is not None and 0 < death.exit_code < _OF_SIGNALS and death.reason != "OOMKilled"

    @cached_property
    def _last_message(self) -> LogReading | None:
        """The message of the instance that ended, where it is a piece of its log and not of the runtime's words."""
        death = self.last_death
        if death is None or not death.message or death.reason in _BY_RUNTIME:
            return None
        reading = read_log(death.message)
        if reading.root is None and len(death.message) >= _LEAST_LOG and self._failed:
            reading = reading.of_the_dead()
        return reading if reading.root is not None else None

    @property
    def death_log_is_previous(self) -> bool:
        """Whether `death_log` is what `kubectl logs --previous` shows."""
        return self._died_in_previous_log or self.log is None

    @cached_property
    def _died_in_previous_log(self) -> bool:
        """Whether the dead instance's log is the previous one: a new instance runs, or began while the logs were read.

        The latter shows as an exit code of Python's with no error in the current log, and one in the previous log. An
        instance that died while they were read has taken the log of the one before it along, and failed alike.
        """
        if self.runs:
            return not self._died_meanwhile
        if self.log is None or self.log.root is not None or self.previous_log is None:
            return False
        failed = self.last_death is not None and self.last_death.exit_code in (1, 2)
        return failed and self.previous_log.root is not None

    @property
    def _died_meanwhile(self) -> bool:
        log = self.log
        return self.previous_log is None and self.restarts > 0 and log is not None and not log.ready and bool(log.root)

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
    facts: Facts = field(repr=False)
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

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Events about it and about its ReplicaSets, oldest first."""
        own = self.facts.events_of(self.ref)
        below = (self.facts.events_of(workload_ref(item)) for item in self.replicasets)
        return tuple(sorted(chain(own, *below), key=lambda event: event.last_seen or self.facts.snapshot.at))

    @cached_property
    def replicasets(self) -> tuple[Workload, ...]:
        """The ReplicaSets that a Deployment controls."""
        uid = self.workload.metadata.uid
        below = (item for item in self.facts.snapshot.replicasets if item.metadata.controller is not None)
        return tuple(item for item in below if item.metadata.controller and item.metadata.controller.uid == uid)

    @cached_property
    def scalers(self) -> tuple[ScalerFacts, ...]:
        """The autoscalers that set its number of replicas."""
        return tuple(item for item in self.facts.scalers if item.workload is not None and item.workload.ref == self.ref)


@dataclass(frozen=True, eq=False)
class ScalerFacts:
    """A ScaledObject with the HorizontalPodAutoscaler that KEDA made for it, or an HPA of its own; and its target.

    `workload` is None when the target is not there or was not observed.
    """

    facts: Facts = field(repr=False)
    hpa: HorizontalPodAutoscaler | None = None
    scaled_object: ScaledObject | None = None
    workload: WorkloadFacts | None = None

    @property
    def resource(self) -> HorizontalPodAutoscaler | ScaledObject:
        """The object that a user edits."""
        found = self.scaled_object or self.hpa
        if found is None:
            raise ValueError("a scaler is an HPA or a ScaledObject")
        return found

    @property
    def namespace(self) -> str:
        return self.resource.metadata.namespace

    @property
    def name(self) -> str:
        return self.resource.metadata.name

    @property
    def target(self) -> ScaleTarget:
        """What it says that it scales."""
        return self.resource.spec.scale_target_ref

    @cached_property
    def ref(self) -> Ref:
        kind = "ScaledObject" if self.scaled_object else "HorizontalPodAutoscaler"
        return Ref(kind, self.name, self.namespace, self.resource.metadata.uid)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Events about the ScaledObject and about the HPA, oldest first."""
        found = [self.facts.events_of(self.ref)]
        if self.hpa is not None and self.scaled_object is not None:
            meta = self.hpa.metadata
            found.append(self.facts.events_of(Ref("HorizontalPodAutoscaler", meta.name, meta.namespace, meta.uid)))
        return tuple(sorted(chain(*found), key=lambda event: event.last_seen or self.facts.snapshot.at))


def pod_ref(pod: Pod) -> Ref:
    meta = pod.metadata
    return Ref("Pod", meta.name, meta.namespace, meta.uid)


def workload_ref(workload: Workload) -> Ref:
    meta = workload.metadata
    return Ref(workload.kind, meta.name, meta.namespace, meta.uid)


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
