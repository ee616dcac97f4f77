"""Faults: small changes that turn a manifest which would serve into one that does not. Each returns what it changed."""

from __future__ import annotations

from vops.lab.documents import Document
from vops.lab.manifests import container_of


def without_tolerations(deployment: Document) -> Document:
    """Nobody told the pods to tolerate the GPU nodes' taint."""
    deployment["spec"]["template"]["spec"]["tolerations"] = []
    return deployment


def with_default_surge(deployment: Document) -> Document:
    """Kubernetes' own defaults: a quarter more pods during a rollout, which for one replica is a whole one."""
    deployment["spec"]["strategy"] = {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    return deployment


def with_impatient_liveness(deployment: Document, *, delay_s: int, period_s: int, failures: int) -> Document:
    """A liveness probe that starts before the server can answer, and no startup probe to hold it back."""
    container = container_of(deployment)
    del container["startupProbe"]
    container["livenessProbe"] |= {
        "initialDelaySeconds": delay_s,
        "periodSeconds": period_s,
        "failureThreshold": failures,
    }
    return deployment


def with_token(deployment: Document, secret: str) -> Document:
    """The servers ask the hub with the token of this Secret."""
    reference = {"secretKeyRef": {"name": secret, "key": "token"}}
    container_of(deployment)["env"] = [{"name": "HF_TOKEN", "valueFrom": reference}]
    return deployment


def with_memory_limit(deployment: Document, limit: str) -> Document:
    """The container may use no more of the host's memory than this, and asks for as much."""
    resources = container_of(deployment)["resources"]
    resources["limits"]["memory"] = resources["requests"]["memory"] = limit
    return deployment


def with_shared_memory(deployment: Document, size: str) -> Document:
    """The pod's shared memory may grow to this much."""
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    volumes[1] = {"name": volumes[1]["name"], "emptyDir": {"medium": "Memory", "sizeLimit": size}}
    return deployment


def with_empty_cache(deployment: Document, *, medium: str = "") -> Document:
    """The model cache lives and dies with the pod; with the medium Memory it is a tmpfs."""
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    volumes[0] = {"name": volumes[0]["name"], "emptyDir": {"medium": medium} if medium else {}}
    return deployment


def without_cache(deployment: Document) -> Document:
    """The model is downloaded into the container's own files, which go with every restart."""
    pod = deployment["spec"]["template"]["spec"]
    del pod["volumes"][0], pod["containers"][0]["volumeMounts"][0]
    return deployment


def with_startup_budget(deployment: Document, seconds: int) -> Document:
    """The startup probe gives up after so long."""
    container_of(deployment)["startupProbe"] |= {"periodSeconds": 10, "failureThreshold": seconds // 10}
    return deployment


def with_claim(deployment: Document, claim: str) -> Document:
    """The model cache is on a volume that outlives the pods."""
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    volumes[0] = {"name": volumes[0]["name"], "persistentVolumeClaim": {"claimName": claim}}
    return deployment


def with_host_to_itself(deployment: Document) -> Document:
    """No two of its pods may share a node."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": dict(deployment["spec"]["selector"])}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    deployment["spec"]["template"]["spec"]["affinity"] = {"podAntiAffinity": required}
    return deployment
