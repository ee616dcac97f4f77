"""A DaemonSet as a subject: the exporter that reports what the GPUs do, with the nodes it should be on.

Only DCGM exporters are looked for by themselves; any other DaemonSet can be named. What is wrong with the pods of the
server is elsewhere: a metric that nobody exports is seen by no autoscaler.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from vops.diagnosis.placement.demands import amounts, is_gpu
from vops.diagnosis.placement.recompute import NodeFit
from vops.model.dcgm import dcgm_port
from vops.model.objects import Meta, Ref
from vops.model.pods import Pod
from vops.model.resources import Event, Node, Taint, Workload

if TYPE_CHECKING:
    from vops.diagnosis.facts import Facts

_TOLERATED = (
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/network-unavailable",
)
"""The DaemonSet controller gives its pods tolerations for these."""


@dataclass(frozen=True, eq=False)
class DaemonFacts:
    """A DaemonSet, its pods, and the nodes with GPUs."""

    daemonset: Workload
    facts: Facts = field(repr=False)

    @cached_property
    def ref(self) -> Ref:
        meta = self.daemonset.metadata
        return Ref("DaemonSet", meta.name, meta.namespace, meta.uid)

    @property
    def namespace(self) -> str:
        return self.daemonset.metadata.namespace

    @property
    def name(self) -> str:
        return self.daemonset.metadata.name

    @property
    def desired(self) -> int:
        """How many nodes its controller takes it to belong on."""
        return self.daemonset.status.desired_number_scheduled or 0

    @property
    def ready(self) -> int:
        return self.daemonset.status.number_ready

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        uid = self.daemonset.metadata.uid
        owned = ((pod, pod.metadata.controller) for pod in self.facts.snapshot.pods)
        return tuple(
            pod
            for pod, owner in owned
            if owner is not None
            and owner.kind == "DaemonSet"
            and (owner.uid == uid if owner.uid and uid else owner.name == self.name)
            and pod.metadata.namespace == self.namespace
        )

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Events about the DaemonSet itself, oldest first."""
        return self.facts.events_of(self.ref)

    @cached_property
    def template(self) -> Pod:
        """A pod as it would make one, on no node."""
        template = self.daemonset.spec.template
        return Pod(metadata=Meta(namespace=self.namespace, labels=template.metadata.labels), spec=template.spec)

    @property
    def exports_gpus(self) -> bool:
        """Whether it is a DCGM exporter, by its name, image or labels."""
        labelled = Pod(metadata=self.daemonset.metadata, spec=self.template.spec)
        return "dcgm-exporter" in self.name or any(dcgm_port(pod) is not None for pod in (self.template, labelled))

    @cached_property
    def gpu_nodes(self) -> tuple[Node, ...]:
        """Nodes that advertise an NVIDIA GPU."""
        return tuple(node for node in self.facts.snapshot.nodes if _has_nvidia_gpu(node))

    @cached_property
    def kept_from(self) -> tuple[NodeFit, ...]:
        """GPU nodes that its controller skips, each with why: a selector that does not match, or a taint."""
        fits = {fit.name: fit for fit in self.facts.placement(self.template).fits}
        found = (fits[node.metadata.name] for node in self.gpu_nodes)
        return tuple(fit for fit in found if fit.mismatches or self.taints(fit))

    def taints(self, fit: NodeFit) -> tuple[Taint, ...]:
        """The taints of a node that keep its pods away."""
        return tuple(taint for taint in fit.taints if not taint.key.startswith(_TOLERATED))

    def logs(self, pod: Pod) -> Iterator[str]:
        """The texts of the logs of a pod's containers, those of dead instances first."""
        names = [container.name for container in pod.spec.containers]
        meta = pod.metadata
        for previous, name in chain(((True, name) for name in names), ((False, name) for name in names)):
            log = self.facts.container_log(meta.namespace, meta.name, name, previous=previous)
            if log is not None:
                yield log.text

    @property
    def state(self) -> str:
        if not self.desired:
            return "no-pods"
        return "ready" if self.ready >= self.desired else "not-ready"

    @property
    def summary(self) -> str:
        return f"daemonset/{self.name} has {self.ready} of {self.desired} pods ready"


def _has_nvidia_gpu(node: Node) -> bool:
    has = amounts(node.status.capacity)
    return any(amount > 0 for name, amount in has.items() if name.startswith("nvidia.com/") and is_gpu(name))
