"""Manifests for lint's tests: a server without a flaw and what is often beside one; a test changes what it is about."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from vops.diagnosis.facts import Facts
from vops.manifests.documents import Document, live_document, read_documents
from vops.manifests.lint import LintReport, lint
from vops.model.objects import Meta
from vops.model.pods import Container, Pod, PodSpec, Requirements
from vops.model.resources import Node, NodeStatus
from vops.model.snapshot import ClusterSnapshot, Source, SourceState, SourceStatus

Doc = dict[str, Any]
IMAGE = "vllm/vllm-openai:v0.25.1"
MODEL = "Qwen/Qwen3-8B"
LABELS = {"app": "llm"}


def health(period: int, failures: int, **more: Any) -> Doc:
    probe = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": period, "failureThreshold": failures}
    return probe | {"timeoutSeconds": 5} | more


def container(**changes: Any) -> Doc:
    """A vLLM container without a flaw; a change to None takes the field out."""
    whole: Doc = {
        "name": "vllm",
        "image": IMAGE,
        "command": ["vllm", "serve"],
        "args": [MODEL, "--gpu-memory-utilization=0.9", *changes.pop("flags", [])],
        "ports": [{"name": "http", "containerPort": 8000}],
        "resources": {"limits": {"nvidia.com/gpu": "1", "memory": "24Gi"}},
        "startupProbe": health(10, 90),
        "readinessProbe": health(5, 3),
        "livenessProbe": health(10, 6),
        "lifecycle": {"preStop": {"sleep": {"seconds": 15}}},
        "securityContext": {"runAsNonRoot": True, "allowPrivilegeEscalation": False},
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def workload(kind: str = "Deployment", *, pod: Doc | None = None, spec: Doc | None = None, **changes: Any) -> Doc:
    """A workload of one `container(**changes)`; `pod` and `spec` change the pod's and the workload's spec."""
    template = {
        "metadata": {"labels": dict(LABELS)},
        "spec": {"enableServiceLinks": False, "containers": [container(**changes)]} | (pod or {}),
    }
    whole = {
        "replicas": 1,
        "progressDeadlineSeconds": 1800,
        "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "selector": {"matchLabels": dict(LABELS)},
        "template": template,
    } | (spec or {})
    kept = {key: value for key, value in whole.items() if value is not None}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta("llm"), "spec": kept}


def meta(name: str, **more: Any) -> Doc:
    return {"name": name, "namespace": "inference"} | more


def service(name: str = "llm", *, target: int | str = 8000, selector: Doc | None = None, port: str = "http") -> Doc:
    ports = [{"name": port, "port": 80, "targetPort": target}]
    spec = {"selector": LABELS if selector is None else selector, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name, labels=dict(LABELS)), "spec": spec}


def budget(**spec: Any) -> Doc:
    whole = {"selector": {"matchLabels": dict(LABELS)}} | spec
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta("llm"), "spec": whole}


def scaled(query: str = "sum(vllm:num_requests_waiting)", *, trigger: Doc | None = None, **spec: Any) -> Doc:
    """A ScaledObject on `query`; `trigger` changes its only trigger."""
    metadata = {"query": query, "threshold": "4", "ignoreNullValues": "false"}
    given = trigger or {}
    metadata |= given.pop("metadata", {})
    triggers = [{"type": "prometheus", "metadata": metadata} | given]
    whole = {"scaleTargetRef": {"name": "llm"}, "minReplicaCount": 1, "maxReplicaCount": 8, "triggers": triggers}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": meta("llm"), "spec": whole | spec}


def autoscaler() -> Doc:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "llm"}, "minReplicas": 1, "maxReplicas": 4}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta("llm"), "spec": spec}


def alert(expression: str) -> Doc:
    groups = [{"name": "vllm", "rules": [{"alert": "A", "expr": expression}]}]
    api = "monitoring.coreos.com/v1"
    return {"apiVersion": api, "kind": "PrometheusRule", "metadata": meta("llm"), "spec": {"groups": groups}}


def monitor(name: str = "llm", *, port: str = "http", labels: Doc | None = None, **endpoint: Any) -> Doc:
    spec = {
        "selector": {"matchLabels": LABELS if labels is None else labels},
        "endpoints": [{"port": port} | endpoint],
    }
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": meta(name), "spec": spec}


def claim(mode: str = "ReadWriteOnce", size: str = "100Gi") -> Doc:
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta("models"), "spec": spec}


def mounted(volume: Doc, at: str = "/root/.cache/huggingface") -> tuple[Doc, Doc]:
    """The pod's and the container's part of one volume called `models`."""
    return {"volumes": [{"name": "models"} | volume]}, {"volumeMounts": [{"name": "models", "mountPath": at}]}


def exporter(namespace: str = "monitoring", **pod: Any) -> Doc:
    """A DaemonSet of the DCGM exporter."""
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    spec = {"containers": [{"name": "e", "image": "nvidia/dcgm-exporter:3.3.9"}], "tolerations": tolerations} | pod
    template = {"metadata": {"labels": {"app": "dcgm"}}, "spec": spec}
    metadata = {"name": "dcgm-exporter", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": {"template": template}}


def nodes(*gpus: int, busy: int = 0, product: str = "NVIDIA-L4", resource: str = "nvidia.com/gpu") -> Facts:
    """A cluster of nodes with so many GPUs each; `busy` of the first one's are taken."""
    meta_ = [Meta(name=f"node-{at}", labels={"nvidia.com/gpu.product": product}) for at in range(len(gpus))]
    room = [{resource: str(count), "memory": "900Gi", "cpu": "90", "pods": "110"} for count in gpus]
    found = tuple(
        Node(metadata=item, status=NodeStatus(capacity=amounts, allocatable=amounts))
        for item, amounts in zip(meta_, room, strict=True)
    )
    taken = Container(name="c", resources=Requirements({resource: str(busy)}, {resource: str(busy)}))
    pod = Pod(Meta(name="p", namespace="x", uid="p"), PodSpec(containers=(taken,), node_name="node-0"))
    live = (SourceStatus(Source.NODES, SourceState.LIVE), SourceStatus(Source.PODS, SourceState.LIVE))
    snapshot = ClusterSnapshot(
        at=datetime(2026, 11, 24, tzinfo=UTC), context="x", nodes=found, pods=(pod,) if busy else (), sources=live
    )
    return Facts(snapshot)


def linted(*documents: Doc | str | Facts) -> LintReport:
    """Lint of objects as they come from a cluster, and of YAML, beside a cluster where one is among them."""
    found = [d for at, item in enumerate(documents) if not isinstance(item, Facts) for d in _documents(item, at)]
    return lint(found, next((item for item in documents if isinstance(item, Facts)), None))


def _documents(item: Doc | str, at: int) -> list[Document]:
    if isinstance(item, str):
        return read_documents(item, f"{at}.yaml")
    return [live_document(copy.deepcopy(item), f"{item['kind']} {at}")]
