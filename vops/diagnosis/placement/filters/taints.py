"""Taints and tolerations, and the nodes that take no pods at all at present."""

from __future__ import annotations

from collections.abc import Iterable

from vops.model.pods import Toleration
from vops.model.resources import Node, Taint

_NEVER_TOLERATED = (
    "node.kubernetes.io/",
    "node.cloudprovider.kubernetes.io/",
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
    "karpenter.sh/",
    "cloud.google.com/gke-spot",
    "cloud.google.com/gke-preemptible",
    "cloud.google.com/impending-node-termination",
    "kubernetes.azure.com/scalesetpriority",
    "eks.amazonaws.com/capacityType",
    "aws-node-termination-handler/",
)
"""Taints that say a node is broken, leaving, or reclaimable: tolerating them is never a fix."""

_UNAVAILABLE = (
    "node.kubernetes.io/",
    "node.cloudprovider.kubernetes.io/",
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "karpenter.sh/unregistered",
    "startup-taint.cluster-autoscaler.kubernetes.io/",
    "ignore-taint.cluster-autoscaler.kubernetes.io/",
    "node.cilium.io/agent-not-ready",
    "ebs.csi.aws.com/agent-not-ready",
    "efs.csi.aws.com/agent-not-ready",
)
"""Taints of nodes that are broken, not ready yet or about to go, whoever asks."""

_CORDON = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")


def tolerable(taint: Taint) -> bool:
    """Whether tolerating a taint can be a fix, and not a way to land on a node that is broken or about to go."""
    return not taint.key.startswith((*_NEVER_TOLERATED, *_UNAVAILABLE))


def blocks(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    """Whether a taint keeps a pod with these tolerations from being scheduled."""
    if taint.effect not in ("NoSchedule", "NoExecute"):
        return False
    return not any(tolerates(toleration, taint) for toleration in tolerations)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Kubernetes' own rule: no effect means any, no key with Exists means every taint; Gt and Lt are of 1.35."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    if toleration.operator in ("Gt", "Lt"):
        return bool(toleration.key) and compare(toleration.operator, taint.value, toleration.value)
    return bool(toleration.key) and toleration.value == taint.value


def untolerated(node: Node, tolerations: Iterable[Toleration]) -> tuple[Taint, ...]:
    """The taints of a node that keep the pod away, but for those that say that the node is unavailable."""
    return tuple(
        taint for taint in node.spec.taints if not taint.key.startswith(_UNAVAILABLE) and blocks(taint, tolerations)
    )


def unavailable(node: Node, tolerations: Iterable[Toleration]) -> str:
    """Why a node takes no pods at all at present, such as `cordoned` or `not-ready`; empty when it does."""
    if node.spec.unschedulable and blocks(_CORDON, tolerations):
        return "cordoned"
    taint = next((item for item in node.spec.taints if item.key.startswith(_UNAVAILABLE)), None)
    if taint is not None and blocks(taint, tolerations):
        return taint.key.rpartition("/")[2]
    ready = next((item for item in node.status.conditions if item.type == "Ready"), None)
    return "not-ready" if ready is not None and ready.status != "True" else ""


def says_unavailable(taint: Taint) -> bool:
    """Whether a taint marks a node that takes no pods at all at present."""
    return taint.key.startswith(_UNAVAILABLE)


def compare(operator: str, has: str, wanted: str) -> bool:
    """`has` Gt or Lt `wanted`, both whole numbers as the API has them; anything else does not compare."""
    try:
        left, right = int(has), int(wanted)
    except ValueError:
        return False
    return left > right if operator == "Gt" else left < right
