"""The nodes and what is already there: the stage on which the commonest failures are brought about.

The real node gets GPUs enough for all that start on it. kwok's nodes are for what the scheduler says alone: one whose
GPUs are taken, a cordoned one, one without a device plugin, one cut up by MIG, and one that will be lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.cluster import vllm_pods
from tests.cluster.commonest.case import SERVING, Document, document
from tests.cluster.controlplane import ADDRESS
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
        _volume("europe", zone="europe-west4-b"),
        _volume("for-one-pod", modes=["ReadWriteOncePod"]),
        *_policy("inference-policy"),
        _silent_webhook("inference-webhook"),
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


def _volume(name: str, *, zone: str = "", modes: Sequence[str] = ("ReadWriteOnce",)) -> Document:
    """A volume for the claim of its name; no node is in any zone."""
    volume = {
        "capacity": {"storage": "1Gi"},
        "accessModes": list(modes),
        "hostPath": {"path": f"/var/lib/{name}", "type": "DirectoryOrCreate"},
        "claimRef": {"namespace": SERVING, "name": name},
        "storageClassName": "made-by-hand",
    }
    if zone:
        wanted = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
        volume["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [wanted]}]}}
    return document("PersistentVolume", name, spec=volume)


def _in(namespace: str) -> Document:
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


def _policy(namespace: str) -> Sequence[Document]:
    """A policy that no pod of a namespace meets."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    check = {"expression": "has(object.metadata.labels.team)", "message": "every pod needs the label team"}
    version = "admissionregistration.k8s.io/v1"
    asked = {"matchConstraints": {"resourceRules": [rule]}, "validations": [check]}
    bound = {
        "policyName": "team-label",
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": _in(namespace)},
    }
    return [
        document("ValidatingAdmissionPolicy", "team-label", version, spec=asked),
        document("ValidatingAdmissionPolicyBinding", "team-label", version, spec=bound),
    ]


def _silent_webhook(namespace: str) -> Document:
    """A webhook that has to be asked about the pods of a namespace, where nobody listens."""
    hook = {
        "name": "pods.policy.example.com",
        "clientConfig": {"url": f"https://{ADDRESS}:9/validate"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "namespaceSelector": _in(namespace),
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 2,
    }
    return document("ValidatingWebhookConfiguration", "policy", "admissionregistration.k8s.io/v1", webhooks=[hook])
