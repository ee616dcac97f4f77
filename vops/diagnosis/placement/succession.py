"""Rolling updates: which pods are of an older template of the same workload, and whether one of them may stop first."""

from __future__ import annotations

from collections.abc import Iterable

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.settling import held_by
from vops.model.pods import Pod
from vops.model.resources import Workload
from vops.model.rollouts import DEFAULT_BOUND, bounds


def may_stop_one(deployment: Workload) -> bool:
    """Whether the controller may stop an old pod before a new one is ready."""
    wanted = replicas_of(deployment)
    limits = bounds(deployment.spec.strategy, wanted)
    return limits is None or wanted == 0 or limits.unavailable > 0


def replicas_of(deployment: Workload) -> int:
    return 1 if deployment.spec.replicas is None else deployment.spec.replicas


def predecessors(replica: Replica, pods: Iterable[Pod]) -> list[Pod]:
    """Those of some pods that are of the same Deployment and an older template, and not on their way out."""
    found = []
    for pod in pods:
        _, owner = replica.facts.owners.of(pod)
        same = owner is not None and owner == replica.owner
        if same and pod.metadata.deletion_timestamp is None and _older(pod, replica.pod):
            found.append(pod)
    return found


def makes_room(replica: Replica, fit: NodeFit, old: list[Pod]) -> bool:
    """Whether the pod would fit on a node that it may use, were these of its pods gone."""
    gone = {pod.metadata.uid for pod in old}
    others = [*(pod for _, pod in fit.ports), *(pod for item in fit.repulsions for pod in item.pods)]
    if not old or not fit.allowed or fit.skews or any(not item.pods for item in fit.repulsions):
        return False
    short = all(item.free + held_by(old, item.resource) >= item.wanted for item in fit.short)
    return short and all(pod.metadata.uid in gone for pod in others)


def strategy_evidence(replica: Replica, deployment: Workload) -> Evidence:
    """The strategy with its bounds in pods."""
    strategy, wanted = deployment.spec.strategy, replicas_of(deployment)
    rolling, limits = strategy.rolling_update, bounds(strategy, wanted)
    given = rolling.max_unavailable if rolling and rolling.max_unavailable is not None else f"{DEFAULT_BOUND} (default)"
    counts = f" = {limits.unavailable}, maxSurge {limits.surge}" if limits else ""
    observed = f"maxUnavailable {given} of {wanted}{counts}"
    return evidence.owner_field(replica, "spec.strategy", observed, expected="maxUnavailable 1 or more")


def outage(deployment: Workload) -> str:
    """What stopping an old pod first costs."""
    wanted = replicas_of(deployment)
    return "no replica serves meanwhile" if wanted == 1 else f"one replica of {wanted} fewer meanwhile"


def _controller(pod: Pod) -> str:
    """The ReplicaSet of a pod, which there is one of for each template."""
    controller = pod.metadata.controller
    return f"{controller.kind}/{controller.name}" if controller is not None else ""


def _older(pod: Pod, new: Pod) -> bool:
    """Whether a pod is of another template, made before the new one's."""
    label = "pod-template-hash"
    hashes = [item.metadata.labels.get(label) or _controller(item) for item in (pod, new)]
    if hashes[0] == hashes[1]:
        return False
    made, then = pod.metadata.creation_timestamp, new.metadata.creation_timestamp
    return made is None or then is None or made <= then
