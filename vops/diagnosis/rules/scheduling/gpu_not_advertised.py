"""No node advertises the GPU resource at all.

What it finds
    Not one node has the resource in its capacity, and no other GPU resource is offered in its place.

Why it matters
    A node that has GPUs and does not advertise them lacks a working driver, container runtime or device plugin. The
    scheduler then says the same as for GPUs that are merely taken.

Evidence
    Node.status.capacity of every node, and the labels that say that a node does have GPUs.

Fix
    By hand, at the cluster: the device plugin's DaemonSet must run, and tolerate the GPU nodes' taints.
"""

from __future__ import annotations

from collections.abc import Mapping

from vops.diagnosis import blockers, evidence, remedies
from vops.diagnosis.facts import Replica, gpu_product
from vops.diagnosis.filters.rooms import capacity
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.scheduling.wrong_gpu_resource import offered_gpu_resources
from vops.model.resources import Node
from vops.model.snapshot import Source

_SIGNS = ("nvidia.com/gpu.present", "feature.node.kubernetes.io/pci-10de.present")


@rule(cause="gpu-not-advertised", branch=Branch.SCHEDULE, needs={Source.NODES}, order=10)
def gpu_not_advertised(replica: Replica) -> Verdict | None:
    placement, resource = replica.placement, replica.placement.gpu_resource
    nodes = [fit.node for fit in placement.fits]
    if not placement.gpus or any(capacity(node, resource) > 0 for node in nodes) or offered_gpu_resources(nodes):
        return None
    labelled = [node for node in nodes if _has_gpus(node)]
    if labelled:
        names = blockers.named(node.metadata.name for node in labelled)
        summary = f"No node advertises {resource}, though {names} should: device plugin or driver is missing there"
        steps = [
            "See that the device plugin runs on those nodes: kubectl get daemonsets,pods -A -o wide | grep -i nvidia",
            "A DaemonSet with 0 desired pods does not tolerate the nodes' taints; a missing driver is in its log.",
        ]
    else:
        summary = f"No node advertises {resource}, and none of {len(nodes)} nodes is labelled as having GPUs"
        steps = ["Add a GPU node, or install the device plugin where the GPUs are."]
    shown = [
        evidence.node_field(node, "status.capacity", f"no {resource}; {gpu_product(node) or 'GPU'} by its labels")
        for node in labelled[: blockers.NODES_SHOWN]
    ]
    return Verdict(
        summary=summary,
        evidence=(blockers.request(replica), *shown, *blockers.scheduled_by(replica)),
        confidence=Confidence.CERTAIN,
        fixes=(remedies.advice("Make the nodes advertise their GPUs", *steps),),
    )


def _has_gpus(node: Node) -> bool:
    labels: Mapping[str, str] = node.metadata.labels
    return bool(gpu_product(node)) or any(labels.get(sign) == "true" for sign in _SIGNS)
