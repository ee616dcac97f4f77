"""The objects that scenarios are made of: nodes, vLLM Deployments, exporters, Secrets and ordinary neighbours."""

from __future__ import annotations

import base64
import json
from typing import Any

from vops.lab.documents import Document, copy_of
from vops.lab.engine.gpus import GpuKind

INFERENCE = "inference"
VLLM_IMAGE = "vllm/vllm-openai:v0.25.1"
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
GPU_TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
_CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def namespace(name: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "status": {"phase": "Active"},
    }


def node(
    name: str,
    *,
    gpu: GpuKind | None = None,
    gpus: int = 0,
    cpu: int = 8,
    memory_gib: int = 32,
    taints: tuple[Document, ...] | None = None,
    labels: dict[str, str] | None = None,
    images: tuple[str, ...] = (),
    zone: str = "zone-a",
) -> Document:
    """A Ready node; one with GPUs carries the labels of GPU feature discovery and, unless told otherwise, a taint."""
    resources = {
        "cpu": str(cpu),
        "memory": f"{memory_gib * 1024 * 1024}Ki",
        "ephemeral-storage": "400Gi",
        "pods": "110",
        **({"nvidia.com/gpu": str(gpus)} if gpu else {}),
    }
    if taints is None:
        taints = (GPU_TAINT,) if gpu else ()
    tainted = {"taints": [dict(item) for item in taints]} if taints else {}
    left = {"cpu": f"{cpu * 1000 - 80}m", "memory": f"{(memory_gib * 1024 - 1024) * 1024}Ki"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": _node_labels(name, gpu, gpus, zone) | (labels or {})},
        "spec": {"providerID": f"lab://{zone}/{name}", **tainted},
        "status": {
            "capacity": resources,
            "allocatable": resources | left,
            "conditions": [
                {"type": type_, "status": status, "reason": reason, "message": message}
                for type_, status, reason, message in _CONDITIONS
            ],
            "addresses": [{"type": "Hostname", "address": name}],
            "nodeInfo": {
                "kubeletVersion": "v1.36.3",
                "containerRuntimeVersion": "containerd://2.2.1",
                "osImage": "Ubuntu 24.04.3 LTS",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
            "images": [{"names": [image], "sizeBytes": 10_000_000_000} for image in images],
        },
    }


def _node_labels(name: str, gpu: GpuKind | None, gpus: int, zone: str) -> dict[str, str]:
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": zone,
    }
    if gpu is None:
        return labels | {"node.kubernetes.io/instance-type": "general-8"}
    return labels | {
        "node.kubernetes.io/instance-type": f"gpu-{gpus}x{gpu.product.split('-')[1].lower()}",
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.count": str(gpus),
        "nvidia.com/gpu.product": gpu.product,
        "nvidia.com/gpu.memory": str(gpu.memory_mib),
        "nvidia.com/gpu.compute.major": str(gpu.compute[0]),
        "nvidia.com/gpu.compute.minor": str(gpu.compute[1]),
    }


def vllm(
    name: str,
    model: str,
    *arguments: str,
    replicas: int = 1,
    gpus: int = 1,
    gpu: GpuKind | None = None,
    image: str = VLLM_IMAGE,
    token_secret: str = "",
    memory: str = "48Gi",
    **spec: Any,
) -> Document:
    """A Deployment of a vLLM server as a careful engineer writes it; `spec` adds to or replaces its own members."""
    container: Document = {
        "name": "vllm",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["vllm", "serve"],
        "args": [model, "--served-model-name", name, *arguments],
        "ports": [{"name": "http", "containerPort": 8000, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": str(gpus)},
            "limits": {"memory": memory, "nvidia.com/gpu": str(gpus)},
        },
        "volumeMounts": [
            {"name": "cache", "mountPath": "/root/.cache"},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108  where NCCL wants it
        ],
        "startupProbe": _http_probe(periodSeconds=10, failureThreshold=60),
        "livenessProbe": _http_probe(periodSeconds=10, failureThreshold=3, timeoutSeconds=5),
        "readinessProbe": _http_probe(periodSeconds=5, failureThreshold=3, timeoutSeconds=5),
    }
    if token_secret:
        reference = {"secretKeyRef": {"name": token_secret, "key": "token"}}
        container["env"] = [{"name": "HF_TOKEN", "valueFrom": reference}]
    pod: Document = {
        "enableServiceLinks": False,
        "tolerations": [dict(GPU_TOLERATION)],
        "containers": [container],
        "volumes": [
            {"name": "cache", "hostPath": {"path": f"/var/cache/{name}", "type": "DirectoryOrCreate"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}},
        ],
    }
    if gpu:
        pod["nodeSelector"] = {"nvidia.com/gpu.product": gpu.product}
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "vllm"}
    return deployment(name, INFERENCE, pod, labels=labels, replicas=replicas, **spec)


def _http_probe(**members: int) -> Document:
    return {"httpGet": {"path": "/health", "port": "http"}, **members}


def deployment(
    name: str, namespace_: str, pod: Document, *, labels: dict[str, str], replicas: int = 1, **spec: Any
) -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace_, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            **spec,
        },
    }


def stateful(deployment_: Document, *, claims: dict[str, str]) -> Document:
    """The same servers as a StatefulSet, with a claim of its own for each in place of the volumes of these names."""
    document: Document = copy_of(deployment_)
    spec = document["spec"]
    templates = [
        {
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
        }
        for name, size in claims.items()
    ]
    spec.pop("strategy", None)
    spec |= {"serviceName": document["metadata"]["name"], "volumeClaimTemplates": templates}
    return document | {"kind": "StatefulSet"}


def service(name: str, namespace_: str, replicas: int = 1, image: str = "nginx:1.29") -> Document:
    """A Deployment of something that is not vLLM."""
    container = {
        "name": name,
        "image": image,
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
    }
    labels = {"app.kubernetes.io/name": name}
    return deployment(name, namespace_, {"containers": [container]}, labels=labels, replicas=replicas)


def dcgm_exporter(
    namespace_: str = "gpu-monitoring", *, tolerates: bool = True, priority_class_name: str = ""
) -> Document:
    """The DaemonSet of exporters, one on each GPU node that it tolerates: every one, or (as its chart comes) none."""
    labels = {"app.kubernetes.io/name": "dcgm-exporter"}
    container = {
        "name": "exporter",
        "image": "nvidia/dcgm-exporter:4.5.3",
        "ports": [{"name": "metrics", "containerPort": 9400}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 9400}, "periodSeconds": 10},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
    }
    pod = {
        "nodeSelector": {"nvidia.com/gpu.present": "true"},
        "tolerations": [{"operator": "Exists"} if tolerates else dict(_CONTROL_PLANE)],
        "containers": [container],
        **({"priorityClassName": priority_class_name} if priority_class_name else {}),
    }
    return daemonset("dcgm-exporter", namespace_, pod, labels)


def bare_gpu_node(name: str, gpus: int = 4, *, labels: dict[str, str] | None = None, **options: Any) -> Document:
    """A node with L4 cards that nothing has registered yet: the cloud's labels tell of them, its capacity does not."""
    shown = {
        "cloud.google.com/gke-accelerator": "nvidia-l4",
        "feature.node.kubernetes.io/pci-10de.present": "true",
        "node.kubernetes.io/instance-type": "g2-standard-48",
    }
    return node(
        name, cpu=12 * gpus, memory_gib=64 * gpus, labels=shown | (labels or {}), taints=(GPU_TAINT,), **options
    )


def device_plugin(tolerations: tuple[Document, ...] = (GPU_TOLERATION,)) -> Document:
    """NVIDIA's device plugin, a pod on every node that it tolerates."""
    labels = {"app.kubernetes.io/name": "nvidia-device-plugin"}
    container = {
        "name": "nvidia-device-plugin-ctr",
        "image": "nvidia/k8s-device-plugin:v0.20.0",
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
    }
    pod = {
        "nodeSelector": {"feature.node.kubernetes.io/pci-10de.present": "true"},
        "tolerations": [dict(item) for item in tolerations],
        "containers": [container],
    }
    return daemonset("nvidia-device-plugin", "kube-system", pod, labels)


def daemonset(name: str, namespace_: str, pod: Document, labels: dict[str, str]) -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace_, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def cluster_ip(
    name: str,
    namespace_: str = INFERENCE,
    *,
    port: int = 80,
    target: int | str = "http",
    port_name: str = "http",
) -> Document:
    """A Service in front of the pods of the Deployment of the same name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace_, "labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"name": port_name, "port": port, "targetPort": target, "protocol": "TCP"}],
        },
    }


def storage_class(name: str = "standard", *, binding: str = "WaitForFirstConsumer") -> Document:
    """The cluster's default class: a disk of one zone, made where its first pod goes."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "disk.csi.example.com",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": binding,
    }


def claim(name: str, *, size: str = "100Gi", mode: str = "ReadWriteOnce", class_name: str = "standard") -> Document:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": INFERENCE},
        "spec": {
            "accessModes": [mode],
            "resources": {"requests": {"storage": size}},
            "storageClassName": class_name,
        },
    }


def priority_class(name: str, value: int) -> Document:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def resource_quota(name: str, **hard: str) -> Document:
    """A quota of the inference namespace; `gpus` stands for requests.nvidia.com/gpu."""
    named = {"requests.nvidia.com/gpu" if key == "gpus" else key: value for key, value in hard.items()}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name, "namespace": INFERENCE},
        "spec": {"hard": named},
    }


def token_secret(name: str, token: str) -> Document:
    """A Secret that holds a token of the model hub."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "namespace": INFERENCE},
        "data": {"token": base64.b64encode(token.encode()).decode()},
    }


def credential(user: str, password: str) -> str:
    """As a registry's client sends them."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def pull_secret(name: str, host: str, user: str, password: str) -> Document:
    """A Secret that opens a registry, to be named in imagePullSecrets."""
    auths = {"auths": {host: {"username": user, "password": password, "auth": credential(user, password)}}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name, "namespace": INFERENCE},
        "data": {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()},
    }


def container_of(document: Document) -> Document:
    """The first container of a Deployment's template, to be changed in place."""
    found: Document = document["spec"]["template"]["spec"]["containers"][0]
    return found
