"""Autoscalers, Services, policies and exporters as the API would send them, for the tests of diagnosis."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from tests.unit.diagnosis.cluster_parts import GPU, NAMESPACE, NOW, Document, ago
from vops.model.monitoring import PrometheusServer, ServiceMonitor
from vops.model.network import EndpointSlice, NetworkPolicy, Service
from vops.model.pods import Pod
from vops.model.resources import Event, Workload
from vops.model.scaling import HorizontalPodAutoscaler, ScaledObject
from vops.model.serving import EngineSample, GpuSample
from vops.model.snapshot import EngineSamples, QueryAnswer, Series

QUERY = "sum(vllm:num_requests_waiting)"
VALID = ("True", "ValidMetricFound", "the HPA was able to successfully calculate a replica count")


def meta(name: str, namespace: str = NAMESPACE, **more: Any) -> Document:
    return {"name": name, "namespace": namespace, "uid": f"{name}-uid", **more}


def condition(type_: str, status: str, reason: str = "", message: str = "", age_s: float = 600) -> Document:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": ago(age_s),
    }


def keda_hpa(
    *,
    current: str = "",
    replicas: int = 1,
    most: int = 8,
    conditions: list[Document] | None = None,
    target: str = "5",
    kind: str = "averageValue",
    name: str = "keda-hpa-llama",
    **spec: Any,
) -> HorizontalPodAutoscaler:
    """The HPA that KEDA makes of one Prometheus trigger; `current` is the value as the status shows it."""
    metric = {"metric": {"name": "s0-prometheus"}, "target": {"type": "AverageValue", kind: target}}
    now = {"type": "External", "external": {"metric": {"name": "s0-prometheus"}, "current": {kind: current}}}
    document = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": meta(name),
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "llama"},
            "minReplicas": 1,
            "maxReplicas": most,
            "metrics": [{"type": "External", "external": metric}],
        }
        | spec,
        "status": {
            "currentReplicas": replicas,
            "desiredReplicas": replicas,
            "currentMetrics": [now] if current else [],
            "conditions": [condition("ScalingActive", *VALID)] if conditions is None else conditions,
        },
    }
    return msgspec.convert(document, HorizontalPodAutoscaler)


def scaled(
    query: str = QUERY,
    *,
    threshold: str = "5",
    metric_type: str = "",
    annotations: dict[str, str] | None = None,
    conditions: list[Document] | None = None,
    trigger: Document | None = None,
    **spec: Any,
) -> ScaledObject:
    """A ScaledObject of deployment/llama with one Prometheus trigger."""
    metadata = {"serverAddress": "http://prometheus.monitoring.svc:9090", "query": query, "threshold": threshold}
    one = {"type": "prometheus", "metadata": metadata | (trigger or {}), "metricType": metric_type}
    document = {
        "kind": "ScaledObject",
        "metadata": meta("llama", annotations=annotations or {}),
        "spec": {
            "scaleTargetRef": {"name": "llama"},
            "minReplicaCount": 1,
            "maxReplicaCount": 8,
            "triggers": [one],
        }
        | spec,
        "status": {
            "hpaName": "keda-hpa-llama",
            "conditions": conditions
            or [condition("Ready", "True", "ScaledObjectReady"), condition("Active", "True", "ScalerActive")],
        },
    }
    return msgspec.convert(document, ScaledObject)


def workload(
    replicas: int = 1, *, name: str = "llama", image: str = "vllm/vllm-openai:v0.25.1", **template: Any
) -> Workload:
    """A Deployment with the template of a vLLM server."""
    document = {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": name},
        "spec": {
            "replicas": replicas,
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [
                        {
                            "name": "vllm",
                            "image": image,
                            "command": ["vllm", "serve", "meta-llama/Meta-Llama-3-8B-Instruct"],
                            "ports": [{"containerPort": 8000, "name": "http"}],
                            "resources": {"requests": {GPU: "1"}, "limits": {GPU: "1"}},
                        }
                    ]
                }
                | template,
            },
        },
    }
    return msgspec.convert(document, Workload)


def about(kind: str, name: str, reason: str, message: str, *, age_s: float = 60, uid: str = "") -> Event:
    document = {
        "involvedObject": {"kind": kind, "namespace": NAMESPACE, "name": name, "uid": uid},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": 9,
        "lastTimestamp": ago(age_s),
    }
    return msgspec.convert(document, Event)


def answered(query: str = QUERY, *values: float) -> QueryAnswer:
    return QueryAnswer(query, tuple(Series({}, value) for value in values))


def monitor(*, honor: bool = False, name: str = "dcgm-exporter") -> ServiceMonitor:
    document = {
        "kind": "ServiceMonitor",
        "metadata": meta(name, "gpu"),
        "spec": {"selector": {"matchLabels": {"app": name}}, "endpoints": [{"port": "metrics", "honorLabels": honor}]},
    }
    return msgspec.convert(document, ServiceMonitor)


def prometheus(*, override: bool, name: str = "k8s") -> PrometheusServer:
    document = {"kind": "Prometheus", "metadata": meta(name, "monitoring"), "spec": {"overrideHonorLabels": override}}
    return msgspec.convert(document, PrometheusServer)


def service(
    name: str = "llama", *, selector: Document | None = None, ports: list[Document] | None = None, **spec: Any
) -> Service:
    document = {
        "kind": "Service",
        "metadata": meta(name),
        "spec": {
            "selector": {"app": "llama"} if selector is None else selector,
            "ports": [{"port": 80, "targetPort": 8000}] if ports is None else ports,
            "clusterIP": "10.96.0.9",
        }
        | spec,
    }
    return msgspec.convert(document, Service)


def endpoints(name: str = "llama", *, ports: list[Document] | None = None, addresses: int = 1) -> EndpointSlice:
    document = {
        "kind": "EndpointSlice",
        "metadata": meta(f"{name}-x", labels={"kubernetes.io/service-name": name}),
        "endpoints": [{"addresses": [f"10.0.0.{n + 1}"], "conditions": {"ready": True}} for n in range(addresses)],
        "ports": [{"port": 8000}] if ports is None else ports,
    }
    return msgspec.convert(document, EndpointSlice)


def policy(name: str = "lock", *, selector: Document | None = None, **spec: Any) -> NetworkPolicy:
    document = {
        "kind": "NetworkPolicy",
        "metadata": meta(name),
        "spec": {"podSelector": selector or {}, "policyTypes": ["Ingress"]} | spec,
    }
    return msgspec.convert(document, NetworkPolicy)


def exporter(*, desired: int = 0, ready: int = 0, name: str = "dcgm-exporter", **template: Any) -> Workload:
    """The DaemonSet of a DCGM exporter."""
    image = "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.2-4.8.1"
    container = {"name": "exporter", "image": image, "ports": [{"name": "metrics", "containerPort": 9400}]}
    document = {
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": name},
        "spec": {"template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]} | template}},
        "status": {"desiredNumberScheduled": desired, "numberReady": ready, "currentNumberScheduled": desired},
    }
    return msgspec.convert(document, Workload)


def exporter_pod(status: Document, *, node: str = "gpu-1", owner: str = "dcgm-exporter") -> Pod:
    by = {"kind": "DaemonSet", "name": owner, "uid": owner, "controller": True}
    document = {
        "metadata": meta(f"{owner}-x", ownerReferences=[by]),
        "spec": {"nodeName": node, "containers": [{"name": "exporter", "image": "dcgm-exporter:4.5"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "exporter", **status}]},
    }
    return msgspec.convert(document, Pod)


def gpu(*, xid: float | None = None, pod: str = "llama-1", node: str = "gpu-1", index: str = "0") -> GpuSample:
    return GpuSample(at=NOW, node=node, uuid=f"GPU-{index}", index=index, namespace=NAMESPACE, pod=pod, xid=xid)


def scraped(
    name: str = "llama-1", *, apart_s: float = 30, before: Document | None = None, **after: float
) -> EngineSamples:
    """Two scrapes of one server; what `before` does not say was as it is now."""
    grown = {"steps": 1000.0, "generation_tokens": 50_000.0, "prompt_tokens": 9000.0, "preemptions": 0.0}
    now = EngineSample(at=NOW, engines=1, **(grown | after))  # type: ignore[arg-type]  # passed on as they came
    earlier = {"steps": 700.0, "generation_tokens": 20_000.0, "prompt_tokens": 5000.0}
    then = msgspec.structs.replace(now, at=NOW - timedelta(seconds=apart_s), **(earlier | (before or {})))
    return EngineSamples(NAMESPACE, name, latest=now, earlier=then)
