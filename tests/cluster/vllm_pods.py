"""vLLM workloads as teams write them, for the real node and, with another image, for kwok's nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.cluster.images import VLLM
from tests.cluster.node import PRODUCT, TAINT

Document = dict[str, Any]

MODEL = "Qwen/Qwen3-0.6B"
GATED_MODEL = "meta-llama/Meta-Llama-3-8B-Instruct"
"""The one whose 403 was recorded."""
GRANTED_TOKEN = "hf_granted"
"""The only token that may load GATED_MODEL."""
ESTIMATED_LENGTH = 4656
"""What the recorded log says would fit."""
PORT = 8000
TOLERATION = {"key": TAINT["key"], "operator": "Exists", "effect": TAINT["effect"]}


def http_probe(*, period_s: int, failures: int, initial_delay_s: int = 0) -> Document:
    return {
        "httpGet": {"path": "/health", "port": "http"},
        "periodSeconds": period_s,
        "failureThreshold": failures,
        "initialDelaySeconds": initial_delay_s,
        "timeoutSeconds": 2,
    }


READINESS = {"readinessProbe": http_probe(period_s=1, failures=3)}


def pod_spec(
    *,
    model: str = MODEL,
    flags: Sequence[str] = (),
    gpus: int = 1,
    product: str = PRODUCT,
    tolerations: Sequence[Document] = (TOLERATION,),
    environment: Mapping[str, str] | None = None,
    token_secret: str = "",
    load_seconds: float = 2,
    probes: Mapping[str, Document] = READINESS,
    image: str = VLLM,
) -> Document:
    """A pod's spec with one vLLM server; `probes` by their field's name."""
    variables: list[Document] = [{"name": "FAKE_LOAD_SECONDS", "value": str(load_seconds)}]
    variables += [{"name": name, "value": value} for name, value in (environment or {}).items()]
    if token_secret:
        source = {"secretKeyRef": {"name": token_secret, "key": "token"}}
        variables.append({"name": "HF_TOKEN", "valueFrom": source})
    container: Document = {
        "name": "vllm",
        "image": image,
        "command": ["vllm", "serve"],
        "args": [model, f"--port={PORT}", *flags],
        "env": variables,
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {"limits": {"nvidia.com/gpu": str(gpus)}},
        "volumeMounts": [{"name": "cache", "mountPath": "/root/.cache"}],
        **probes,
    }
    return {
        "containers": [container],
        "volumes": [{"name": "cache", "emptyDir": {}}],
        "nodeSelector": {"nvidia.com/gpu.product": product},
        "tolerations": list(tolerations),
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 2,
    }


def deployment(namespace: str, name: str, spec: Document, *, replicas: int = 1, **template: Any) -> Document:
    """A Deployment with the default rolling update; `template` goes into the pods' metadata."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels, **template}, "spec": spec},
        },
    }


def bare_pod(namespace: str, name: str, spec: Document) -> Document:
    """A pod that nothing owns."""
    metadata = {"namespace": namespace, "name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def token_secret(namespace: str, name: str, token: str) -> Document:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": token}}
