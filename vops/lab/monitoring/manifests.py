"""Raw documents of what watches the servers and scales them: the Prometheus operator's objects and KEDA's."""

from __future__ import annotations

from typing import Any

from vops.lab.documents import Document
from vops.lab.manifests import INFERENCE

PROMETHEUS = "http://prometheus-operated.monitoring.svc.cluster.local:9090"
_OPERATOR = "monitoring.coreos.com/v1"


def prometheus(*, override_honor_labels: bool = False) -> Document:
    """What makes the operator run a Prometheus."""
    override = {"overrideHonorLabels": True} if override_honor_labels else {}
    return {
        "apiVersion": _OPERATOR,
        "kind": "Prometheus",
        "metadata": {"name": "k8s", "namespace": "monitoring"},
        "spec": {"replicas": 1, "serviceMonitorSelector": {}, "podMonitorSelector": {}, **override},
    }


def service_monitor(name: str, namespace_: str, labels: dict[str, str], port: str, *, honor: bool = False) -> Document:
    """Has the ports of that name scraped, behind every Service of the namespace that has the labels."""
    endpoint = {"port": port, "interval": "15s", **({"honorLabels": True} if honor else {})}
    return {
        "apiVersion": _OPERATOR,
        "kind": "ServiceMonitor",
        "metadata": {"name": name, "namespace": namespace_, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "endpoints": [endpoint]},
    }


def pod_monitor(name: str, namespace_: str, labels: dict[str, str], port: str) -> Document:
    """Has the ports of that name scraped, of every pod of the namespace that has the labels."""
    return {
        "apiVersion": _OPERATOR,
        "kind": "PodMonitor",
        "metadata": {"name": name, "namespace": namespace_, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "podMetricsEndpoints": [{"port": port, "interval": "15s"}]},
    }


def scaled_object(target: str, query: str, threshold: str, *, most: int = 4, **trigger: Any) -> Document:
    """KEDA's autoscaler of a Deployment by one query; `trigger` adds to the trigger."""
    metadata = {"serverAddress": PROMETHEUS, "query": query, "threshold": threshold}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": target, "namespace": INFERENCE},
        "spec": {
            "scaleTargetRef": {"name": target},
            "minReplicaCount": 1,
            "maxReplicaCount": most,
            "triggers": [{"type": "prometheus", "metadata": metadata, **trigger}],
        },
    }
