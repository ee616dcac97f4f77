"""No pod is taken by a node whose disk is nearly full, and the kubelet cannot make room.

What it finds
    A pod without a node, and a node with DiskPressure of which the kubelet says that it has to reclaim storage or that
    removing images freed too little.

Why it matters
    The node's taint is what the scheduler names; images of 10 to 20 GB and model caches in emptyDir are what fills the
    disk, and it fills again.

Evidence
    The node's condition, and the kubelet's events about it.

Fix
    By hand, at the node: its disk is shared by all pods on it.
"""

from __future__ import annotations

from datetime import timedelta

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event, Node
from vops.model.snapshot import Source

_REASONS = ("EvictionThresholdMet", "FreeDiskSpaceFailed", "ImageGCFailed", "NodeHasDiskPressure")
_OF_DISKS = lazy_pattern(r"ephemeral-storage|inodes|nodefs|imagefs|DiskPressure|images|disk|stats")
_TAINT = "node.kubernetes.io/disk-pressure"
_RECENT = timedelta(hours=1)


@rule(cause="disk-full", branch=Branch.SCHEDULE, needs={Source.EVENTS}, explains={"node-unavailable"}, order=13)
def node_disk_pressure(replica: Replica) -> Verdict | None:
    if replica.placement.allowed and replica.observed:
        return None
    told = [item for item in replica.facts.events_with(*_REASONS) if _counts(replica, item)]
    if not told:
        return None
    node = told[-1].involved_object.name or "the node"
    return Verdict(
        summary=f"The disk of {node} is nearly full: it takes no pods, and the kubelet cannot free enough",
        evidence=(*_condition(replica, node), *map(evidence.event, told[-2:])),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.advice(
                f"Free space on {node}",
                f"kubectl describe node {node} (DiskPressure, ephemeral-storage); on it: df -h, crictl rmi --prune.",
                "Move model caches from emptyDir to a PersistentVolumeClaim, or give them a sizeLimit and request "
                "ephemeral-storage, and use nodes with a larger disk.",
                f"Until then: kubectl cordon {node}.",
            ),
        ),
    )


def _counts(replica: Replica, event: Event) -> bool:
    """Whether it is about the disk of a node that the pod would otherwise use, and not long ago."""
    about, seen = event.involved_object, event.last_seen
    if about.kind != "Node" or not _OF_DISKS.search(f"{event.reason} {event.message}"):
        return False
    if seen is not None and replica.facts.snapshot.at - seen > _RECENT:
        return False
    return not replica.observed or any(
        fit.node.metadata.name == about.name and _presses(fit.node) for fit in replica.placement.nearest
    )


def _presses(node: Node) -> bool:
    tainted = any(taint.key == _TAINT for taint in node.spec.taints)
    return tainted or any(item.type == "DiskPressure" and item.status == "True" for item in node.status.conditions)


def _condition(replica: Replica, name: str) -> tuple[Evidence, ...]:
    found = next((fit.node for fit in replica.placement.fits if fit.node.metadata.name == name), None)
    if found is None or not _presses(found):
        return ()
    return (evidence.node_field(found, "status.conditions[DiskPressure]", "True", expected="False"),)
