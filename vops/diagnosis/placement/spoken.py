"""Which of the scheduler's reasons is the one that counts, where its words are all that there is.

The scheduler stops at a node's first obstacle, in the order of its filters: a node that it refuses late has passed all
that comes before. So a node without the GPUs says so before it says anything of volumes or other pods, and a node with
another taint says that before all else. Reasons about nodes that were never meant (the control plane's, broken ones)
are left out where there are others, and so are taints without their names (1.35 and later): these may as well say that
a node is not ready.
"""

from __future__ import annotations

from vops.diagnosis.facts import Replica
from vops.diagnosis.nodes.gpu_nodes import bare_gpu_nodes
from vops.diagnosis.placement.demands import is_gpu
from vops.diagnosis.placement.scheduler_text import Obstacle, Preemption, Reason, SchedulerText
from vops.model.snapshot import Source

_LATE = (Obstacle.CLAIM, Obstacle.POD_AFFINITY, Obstacle.SPREAD, Obstacle.VOLUME)
_NEVER_MEANT = (
    "node-role.kubernetes.io/",
    "virtual-kubelet.io/",
    "CriticalAddonsOnly",
    "eks.amazonaws.com/compute",
)


def heard(replica: Replica) -> SchedulerText | None:
    """What the scheduler says where the objects tell nothing: no node was seen, or one that was seen would do."""
    placement = replica.placement
    said = placement.scheduler
    if said is None or (not said.reasons and said.nodes != 0) or replica.settles:
        return None
    if not placement.fits or not replica.facts.snapshot.source(Source.NODES).usable or placement.fitting:
        return said
    return said if placement.partial and not placement.nearest and not bare_gpu_nodes(placement) else None


def leading(replica: Replica) -> tuple[Reason, ...]:
    """The reasons that count, of the nodes that come closest."""
    said = heard(replica)
    if said is None:
        return ()
    reasons = _of_candidates(said.reasons)
    late = next((kind for kind in _LATE if any(item.obstacle is kind for item in reasons)), None)
    if late is not None:
        return tuple(item for item in reasons if item.obstacle is late)
    resources = tuple(item for item in reasons if item.obstacle in (Obstacle.RESOURCE, Obstacle.PODS))
    unnamed = tuple(item for item in reasons if item.obstacle is Obstacle.TAINT and item.taint is None)
    if hopeless(said) and unnamed and resources:
        return (*unnamed, *resources)
    gpu_taints = tuple(item for item in reasons if _is_gpu_taint(item))
    if gpu_taints and all(is_gpu(item.resource) for item in resources):
        return gpu_taints
    ports = tuple(item for item in reasons if item.obstacle is Obstacle.PORTS)
    if ports or resources:
        return ports or _nearest_shortage(said, resources)
    named = tuple(item for item in reasons if item.obstacle is Obstacle.TAINT and item.taint is not None)
    selectors = tuple(item for item in reasons if item.obstacle is Obstacle.SELECTOR)
    return named or selectors or tuple(item for item in reasons if item not in unnamed) or unnamed


def hopeless(said: SchedulerText) -> bool:
    """Whether emptying a node would not help either, which the scheduler tells of short resources since 1.34."""
    return said.modern and said.preemption is Preemption.NOT_HELPFUL


def _of_candidates(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Without nodes that were never meant, unless there are no others; of those, broken ones come back."""
    meant = tuple(item for item in reasons if not _never_meant(item))
    return meant or tuple(item for item in reasons if item.obstacle is Obstacle.UNAVAILABLE) or reasons


def _never_meant(reason: Reason) -> bool:
    if reason.obstacle is Obstacle.UNAVAILABLE:
        return True
    return reason.taint is not None and reason.taint.key.startswith(_NEVER_MEANT)


def _is_gpu_taint(reason: Reason) -> bool:
    """Whether a taint sets GPU nodes apart, by its name."""
    if reason.taint is None:
        return False
    words = f"{reason.taint.key}:{reason.taint.value}".lower()
    return is_gpu(reason.taint.key) or "gpu" in words or "accelerator" in words


def _nearest_shortage(said: SchedulerText, resources: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Of several short resources those of nodes that do have GPUs, where the counts tell the nodes apart."""
    gpu = tuple(item for item in resources if is_gpu(item.resource))
    other = tuple(item for item in resources if not is_gpu(item.resource))
    if not gpu or not other or said.nodes is None:
        return resources
    elsewhere = sum(item.nodes for item in said.reasons if item not in resources)
    with_gpus = said.nodes - elsewhere - max(item.nodes for item in gpu)
    return other if with_gpus > 0 or sum(item.nodes for item in said.reasons) <= said.nodes else gpu
