"""Failures around pods: pods that are refused, rollouts that do not end, Services and policies that lead nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from tests.cluster.commonest import nodes
from tests.cluster.commonest.case import (
    SERVING,
    Case,
    Document,
    Made,
    condition,
    deployed,
    document,
    exists,
    ready,
    server,
    service,
)

_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
NAMESPACES: Mapping[str, Mapping[str, str]] = {
    SERVING: {},
    "inference-quota": {},
    "inference-limited": {},
    "inference-restricted": _RESTRICTED,
    "inference-policy": {},
    "inference-webhook": {},
}
"""With their labels."""


def _refused(cause: str, says: str, made: Made, *, namespace: str = SERVING) -> Case:
    """The API server takes the Deployment and refuses its pods."""
    return Case(cause, says, condition("ReplicaFailure", "True"), made, kind="deploy", namespace=namespace)


def _autoscaled(namespace: str, name: str) -> list[Document]:
    """A Deployment and an autoscaler by a metric that nobody offers."""
    metric = {"metric": {"name": "vllm_num_requests_waiting"}, "target": {"type": "AverageValue", "averageValue": "5"}}
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    asked = {
        "scaleTargetRef": reference,
        "minReplicas": 1,
        "maxReplicas": 4,
        "metrics": [{"type": "External", "external": metric}],
    }
    scaler = document("HorizontalPodAutoscaler", name, "autoscaling/v2", spec=asked)
    return [*deployed(scaler)(namespace, name)]


def _exporter(namespace: str, name: str) -> list[Document]:
    """A DCGM exporter that tolerates no GPU node's taint."""
    labels = {"app.kubernetes.io/name": "dcgm-exporter"}
    container = {"name": "exporter", "image": "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    metadata = {"namespace": namespace, "name": name, "labels": labels}
    wanted = {"selector": {"matchLabels": labels}, "template": template}
    return [{"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": wanted}]


FAILURES: Mapping[str, Case] = {
    "over-quota": _refused(
        "resource-quota",
        "exceeded quota: gpus",
        deployed(document("ResourceQuota", "gpus", spec={"hard": {"requests.nvidia.com/gpu": "0"}})),
        namespace="inference-quota",
    ),
    "over-limit-range": _refused(
        "admission-denied",
        "maximum memory usage per Container is 1Gi",
        deployed(
            document("LimitRange", "small", spec={"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}),
            container={"resources": {"limits": {"nvidia.com/gpu": "1", "memory": "64Gi"}}},
        ),
        namespace="inference-limited",
    ),
    "pod-security": _refused(
        "admission-denied", 'violates PodSecurity "restricted', deployed(), namespace="inference-restricted"
    ),
    "no-such-service-account": _refused(
        "admission-denied",
        'serviceaccount "vllm-runtime" not found',
        deployed(pod={"serviceAccountName": "vllm-runtime"}),
    ),
    "no-such-priority": _refused(
        "admission-denied", "no PriorityClass with name gpu-serving", deployed(pod={"priorityClassName": "gpu-serving"})
    ),
    "no-such-runtime": _refused(
        "admission-denied", 'RuntimeClass "kata" not found', deployed(pod={"runtimeClassName": "kata"})
    ),
    "against-a-policy": _refused(
        "admission-denied", "every pod needs the label team", deployed(), namespace="inference-policy"
    ),
    "webhook-down": _refused("admission-denied", "failed calling webhook", deployed(), namespace="inference-webhook"),
    "scaled-to-zero": Case("replicas-zero", "0", exists, deployed(deployment={"replicas": 0}), kind="deploy"),
    "deadline-while-loading": Case(
        "progress-deadline",
        "has timed out progressing",
        condition("Progressing", "False", "ProgressDeadlineExceeded"),
        deployed(deployment={"progressDeadlineSeconds": 10}, load_seconds=600),
        kind="deploy",
    ),
    "service-selects-nothing": Case(
        "service-mismatch",
        "app=llm",
        condition("Available", "True"),
        deployed(service("service-selects-nothing", "llm", "http")),
        kind="deploy",
    ),
    "service-port-closed": Case(
        "service-mismatch", "9000", ready, server(service("wrong-port", "service-port-closed", 9000))
    ),
    "service-port-unnamed": Case(
        "service-mismatch", "openai", ready, server(service("wrong-name", "service-port-unnamed", "openai"))
    ),
    "all-ingress-denied": Case(
        "network-policy",
        "nothing admitted",
        ready,
        server(
            document(
                "NetworkPolicy",
                "deny-all",
                "networking.k8s.io/v1",
                spec={"podSelector": {"matchLabels": {"app": "all-ingress-denied"}}, "policyTypes": ["Ingress"]},
            )
        ),
    ),
    "no-such-metric": Case(
        "autoscaler-no-metric",
        "FailedGetExternalMetric",
        condition("ScalingActive", "False"),
        _autoscaled,
        kind="hpa",
    ),
    "node-gone": Case(
        "node-lost",
        nodes.LOST_NODE,
        condition("Ready", "False"),
        server(product=nodes.LOST),
    ),
    "outranked": Case("preempted", "Preempted", condition("Available", "False"), lambda *_: (), kind="deploy"),
    "exporter-nowhere": Case(
        "dcgm-exporter-failure", "nvidia.com/gpu=present:NoSchedule", exists, _exporter, kind="ds"
    ),
}
