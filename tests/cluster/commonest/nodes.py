"""The nodes and what is already there: the stage on which the commonest failures are brought about.

The real node gets GPUs enough for all that start on it. kwok's nodes are for what the scheduler says alone: one whose
GPUs are taken, a cordoned one, one without a device plugin, one cut up by MIG, and one that will be lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.cluster import vllm_pods
from tests.cluster.commonest.case import SERVING, Document, document
from tests.cluster.node import TAINT

GPUS = 96
"""Of the real node, which has two of its own otherwise."""
FULL, CORDONED, BARE, MIG, LOST = (
    "NVIDIA-A100-SXM4-80GB",
    "Tesla-T4",
    "NVIDIA-A10G",
    "NVIDIA-H100-80GB-HBM3",
    "NVIDIA-L40S",
)
CONTESTED = "NVIDIA-A100-PCIE-40GB"
SHARED = "nvidia.com/gpu.shared"
"""What a device plugin offers on the real node, until its GPUs fail."""
LOST_NODE = "commonest-lost"


def everywhere() -> Sequence[Document]:
    """What belongs to no namespace."""
    return [
        _node("commonest-full", FULL, {"nvidia.com/gpu": "1"}),
        _node("commonest-contested", CONTESTED, {"nvidia.com/gpu": "1"}),
        _node("commonest-cordoned", CORDONED, {"nvidia.com/gpu": "4"}, unschedulable=True),
        _node("commonest-bare", BARE, {}),
        _node("commonest-mig", MIG, {"nvidia.com/mig-3g.40gb": "2"}),
        _node(LOST_NODE, LOST, {"nvidia.com/gpu": "1"}),
        document("PriorityClass", "serving-first", "scheduling.k8s.io/v1", value=1000),
        document("RuntimeClass", "nvidia", "node.k8s.io/v1", handler="nvidia"),
        document("StorageClass", "made-by-hand", "storage.k8s.io/v1", provisioner="kubernetes.io/no-provisioner"),
        _volume_elsewhere("europe"),
        document("DeviceClass", "gpu.nvidia.com", "resource.k8s.io/v1", spec={}),
    ]


def early() -> Sequence[Document]:
    """The pods that hold kwok's GPUs before anything fails."""
    return [
        vllm_pods.bare_pod(SERVING, "holder", vllm_pods.pod_spec(product=FULL)),
        vllm_pods.deployment(SERVING, "outranked", vllm_pods.pod_spec(product=CONTESTED)),
    ]


def late() -> Sequence[Document]:
    """A pod that takes another's GPU."""
    spec = vllm_pods.pod_spec(product=CONTESTED) | {"priorityClassName": "serving-first"}
    return [vllm_pods.bare_pod(SERVING, "outranking", spec)]


def _node(name: str, product: str, gpus: Document, **fields: object) -> Document:
    room = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "256Gi", "pods": "110", **gpus}
    labels = {"type": "kwok", "kubernetes.io/hostname": name, "nvidia.com/gpu.product": product}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": [TAINT], **fields},
        "status": {"capacity": room, "allocatable": room},
    }


def _volume_elsewhere(name: str) -> Document:
    """A volume in a zone that no node is in, for the claim of its name."""
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["europe-west4-b"]}
    volume = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/var/lib/models"},
        "claimRef": {"namespace": SERVING, "name": name},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}},
        "storageClassName": "made-by-hand",
    }
    return document("PersistentVolume", name, spec=volume)
