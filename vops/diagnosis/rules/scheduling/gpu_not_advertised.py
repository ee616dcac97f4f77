"""Nodes that have GPUs do not offer them: nothing advertises the resource, or all of it is unhealthy.

What it finds
    The nodes that the pod may use have GPUs by their labels or machine types, and none in their capacity; or have them
    in their capacity and offer none, as all are held for unhealthy. Where no node at all has the resource, and no other
    GPU resource is offered in its place, that is said as well; and so is a node that offers none beside others whose
    GPUs are all taken.

Why it matters
    A node that has GPUs and does not advertise them lacks a working driver, container runtime or device plugin. The
    scheduler then says the same as for GPUs that are merely taken.

Evidence
    Node.status.capacity of every such node, the labels that say that it has GPUs, and the device plugin's DaemonSet:
    how many of its pods are wanted and ready, and which taints of the nodes it does not tolerate.

Fix
    By hand, at the cluster: the device plugin's DaemonSet must run, and tolerate the GPU nodes' taints.
"""

from __future__ import annotations

from collections.abc import Sequence

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.nodes.device_plugin import advertise, device_plugin, plugin_evidence, why
from vops.diagnosis.nodes.gpu_nodes import bare_gpu_nodes, gpu_sign, unhealthy_nodes
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.rooms import capacity
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.placement.settling import is_young
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.scheduling.wrong_gpu_resource import offered_gpu_resources
from vops.model.resources import Node
from vops.model.snapshot import Source


@rule(
    cause="gpu-not-advertised",
    branch=Branch.SCHEDULE,
    needs={Source.NODES},
    explains={"gpu-exhausted"},
    order=10,
)
def gpu_not_advertised(replica: Replica) -> Verdict | None:
    placement, resource = replica.placement, replica.placement.gpu_resource
    said = placement.scheduler
    of_drivers = said is not None and said.says(Obstacle.CLAIM)
    if not placement.gpus or not placement.fits or of_drivers or replica.settles:
        return None
    suited = [fit for fit in placement.large_enough if not fit.mismatches]
    if suited:
        return _beside(replica, suited)
    if unhealthy := unhealthy_nodes(placement):
        # A plugin that offers some is there: the others are broken, which gpus-unhealthy says.
        silent = [fit for fit in unhealthy if not placement.offered(fit.node, resource)]
        return _unhealthy(replica, silent) if len(silent) == len(unhealthy) else None
    bare = bare_gpu_nodes(placement)
    nodes = [fit.node for fit in placement.fits]
    anywhere = any(capacity(node, resource) > 0 for node in nodes) or offered_gpu_resources(nodes)
    if bare and not (anywhere and not placement.picks_nodes):
        return _bare(replica, bare)
    return None if anywhere or bare or placement.partial else _nowhere(replica)


def _beside(replica: Replica, suited: Sequence[NodeFit]) -> Verdict | None:
    """GPUs that are not offered, where those that are offered are all taken: only the first is a fault."""
    placement = replica.placement
    if placement.partial or not all(fit.short_of_gpu for fit in suited):
        return None
    bare = [fit for fit in bare_gpu_nodes(placement) if fit.allowed and not fit.short_of_other]
    meant = [fit for fit in bare if not is_young(replica, fit.node) and _may_have(fit.node, placement.gpus)]
    return _bare(replica, meant) if meant else None


def _may_have(node: Node, gpus: int) -> bool:
    """Whether a node has so many GPUs by what feature discovery or the cloud say, or nobody says how many."""
    count = _labelled_count(node)
    return count is None or count >= gpus


def _labelled_count(node: Node) -> int | None:
    """How many GPUs feature discovery or the cloud say that a node has; None where nobody does."""
    labels = (node.metadata.labels.get(key, "") for key in _COUNTS)
    return next((int(text) for text in labels if text.isdigit()), None)


_COUNTS = ("nvidia.com/gpu.count", "karpenter.k8s.aws/instance-gpu-count", "cloud.google.com/gke-accelerator-count")


def _bare(replica: Replica, bare: Sequence[NodeFit]) -> Verdict:
    resource = replica.placement.gpu_resource
    names = blockers.named(fit.name for fit in bare)
    plugin = device_plugin(replica)
    return Verdict(
        summary=f"{names} should have GPUs and {'does' if len(bare) == 1 else 'do'} not advertise {resource}: "
        f"{why(plugin, bare)}",
        evidence=(
            blockers.request(replica),
            *(
                evidence.node_field(fit.node, "status.capacity", f"no {resource}; {gpu_sign(fit.node)}")
                for fit in bare[: blockers.NODES_SHOWN]
            ),
            *plugin_evidence(plugin),
            *blockers.scheduled_by(replica),
        ),
        confidence=_confidence(replica),
        fixes=(advertise(plugin, bare),),
    )


def _nowhere(replica: Replica) -> Verdict:
    placement = replica.placement
    resource, plugin = placement.gpu_resource, device_plugin(replica)
    return Verdict(
        summary=f"No node advertises {resource}, and none of {len(placement.fits)} nodes is labelled as having GPUs",
        evidence=(
            blockers.request(replica),
            *(
                evidence.node_field(fit.node, "status.capacity", f"no {resource}")
                for fit in placement.fits[: blockers.NODES_SHOWN]
            ),
            *plugin_evidence(plugin),
            *blockers.scheduled_by(replica),
        ),
        confidence=_confidence(replica),
        fixes=(
            remedies.advice(
                "Add a GPU node, or make the nodes advertise their GPUs",
                "Add a GPU node (a node pool with GPUs) if the cluster has none.",
                "Where a node does have GPUs: install driver and device plugin there, or the GPU Operator.",
            ),
        ),
    )


def _unhealthy(replica: Replica, unhealthy: Sequence[NodeFit]) -> Verdict:
    placement, resource = replica.placement, replica.placement.gpu_resource
    worst = unhealthy[0]
    has, offers = capacity(worst.node, resource), placement.offered(worst.node, resource)
    return Verdict(
        summary=f"{worst.name} has {has} {resource} and offers {offers}: the device plugin holds the others for "
        f"unhealthy, and {replica.name} asks for {placement.gpus}",
        evidence=(
            blockers.request(replica),
            *(
                evidence.node_field(
                    fit.node,
                    f"status.allocatable[{resource}]",
                    placement.offered(fit.node, resource),
                    expected=str(capacity(fit.node, resource)),
                )
                for fit in unhealthy[: blockers.NODES_SHOWN]
            ),
            *blockers.scheduled_by(replica),
        ),
        confidence=_confidence(replica),
        fixes=(
            remedies.advice(
                "Make the GPUs healthy again",
                f"See the device plugin's log on {worst.name} for the Xid that marked them, and dmesg for NVRM: Xid.",
                f"Then cordon and drain {worst.name}, reset its GPUs or restart it, or replace it.",
            ),
        ),
    )


def _confidence(replica: Replica) -> Confidence:
    return Confidence.PROBABLE if replica.placement.partial else Confidence.CERTAIN
