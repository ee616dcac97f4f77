"""Failures before a node is chosen: what kube-scheduler says, or that it says nothing."""

from __future__ import annotations

from collections.abc import Mapping

from tests.cluster.commonest import nodes
from tests.cluster.commonest.case import Case, claim, condition, document, exists, failed, mounting, pending, server
from tests.cluster.node import NAME as NODE

_INSUFFICIENT = "Insufficient nvidia.com/gpu"
_SELECTOR = "node(s) didn't match Pod's node affinity/selector"
_NOT_ITSELF = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": "serving"}}, "topologyKey": "kubernetes.io/hostname"}
        ]
    }
}
_SPREAD = {
    "maxSkew": 1,
    "topologyKey": "topology.kubernetes.io/zone",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "zones"}},
}


def _volume_of(claim_name: str) -> Mapping[str, object]:
    return mounting("models", persistentVolumeClaim={"claimName": claim_name})


def _asks(**more: str) -> Mapping[str, object]:
    """More than the GPU, which has to be said again."""
    resources = {"nvidia.com/gpu": "1", **more}
    return {"container": {"resources": {"limits": resources, "requests": resources}}}


def _shared(**pod: object) -> Mapping[str, object]:
    """A share of a GPU, which a device plugin offers."""
    return {"pod": pod, "container": {"resources": {"limits": {nodes.SHARED: "1"}}}}


FAILURES: Mapping[str, Case] = {
    "taint-not-tolerated": pending("untolerated-taint", "nvidia.com/gpu=present:NoSchedule", server(tolerations=())),
    "gpus-taken": pending("gpu-exhausted", _INSUFFICIENT, server(product=nodes.FULL)),
    "more-gpus-than-a-node": pending("gpu-request-too-large", _INSUFFICIENT, server(gpus=nodes.GPUS + 8)),
    "no-such-card": pending("node-selector-mismatch", _SELECTOR, server(product="NVIDIA-H900")),
    "cpu-short": pending("cpu-memory-short", "Insufficient cpu", server(**_asks(cpu="500"))),
    "memory-short": pending("cpu-memory-short", "Insufficient memory", server(**_asks(memory="4Ti"))),
    "node-cordoned": pending("node-unavailable", "node(s) were unschedulable", server(product=nodes.CORDONED)),
    "no-device-plugin": pending("gpu-not-advertised", _INSUFFICIENT, server(product=nodes.BARE)),
    "mig-only": pending("wrong-gpu-resource", "nvidia.com/mig-3g.40gb", server(product=nodes.MIG)),
    "anti-affinity": pending(
        "spread-or-affinity", "didn't match pod anti-affinity rules", server(pod={"affinity": _NOT_ITSELF})
    ),
    "no-zone-to-spread": pending(
        "spread-or-affinity",
        "didn't match pod topology spread constraints (missing required label)",
        server(pod={"topologySpreadConstraints": [_SPREAD]}),
    ),
    "host-port-taken": pending(
        "spread-or-affinity",
        "didn't have free ports for the requested pod ports",
        server(container={"ports": [{"name": "http", "containerPort": 8000, "hostPort": 8000}]}),
    ),
    "no-such-claim": pending(
        "pvc-unbound", 'persistentvolumeclaim "llama-70b" not found', server(**_volume_of("llama-70b"))
    ),
    "no-such-storage-class": pending(
        "pvc-unbound", "premium-rwx", server(claim("rwx", storageClassName="premium-rwx"), **_volume_of("rwx"))
    ),
    "no-volume-for-the-claim": pending(
        "pvc-unbound",
        "unbound immediate PersistentVolumeClaims",
        server(claim("seeded", storageClassName=""), **_volume_of("seeded")),
    ),
    "volume-in-another-zone": pending(
        "volume-zone-conflict",
        "node(s) didn't match PersistentVolume's node affinity",
        server(claim("europe", storageClassName="made-by-hand", volumeName="europe"), **_volume_of("europe")),
    ),
    "volume-of-another-pod": pending(
        "multi-attach",
        "ReadWriteOncePod access mode already in-use by another pod",
        server(**_volume_of("for-one-pod")),
    ),
    "gpu-claim-pending": pending(
        "dra-claim-pending",
        "cannot allocate all claims",
        server(
            document(
                "ResourceClaimTemplate",
                "one-gpu",
                "resource.k8s.io/v1",
                spec={
                    "spec": {
                        "devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}
                    }
                },
            ),
            pod={"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]},
            container={"resources": {"claims": [{"name": "gpu"}]}},
        ),
    ),
    "scheduling-gate": Case(
        "scheduling-gated",
        "kueue.x-k8s.io/admission",
        condition("PodScheduled", "False", "SchedulingGated"),
        server(pod={"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}),
    ),
    "no-such-scheduler": Case("no-scheduler", "volcano", exists, server(pod={"schedulerName": "volcano"})),
    "all-gpus-unhealthy": pending("gpu-not-advertised", f"Insufficient {nodes.SHARED}", server(**_shared())),
    "gpu-fails-at-admission": Case(
        "device-allocation-failed",
        "cannot allocate unhealthy devices",
        failed,
        server(**_shared(nodeName=NODE, nodeSelector={})),
    ),
    "placed-by-hand": Case(
        "device-allocation-failed",
        "OutOfnvidia.com/gpu",
        failed,
        server(gpus=nodes.GPUS + 1, pod={"nodeName": NODE, "nodeSelector": {}}),
    ),
}
