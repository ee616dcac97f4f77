"""A server that would serve, and one change that keeps it from it: a case for each fix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vops.lab.documents import Document
from vops.lab.engine.gpus import L4, T4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import without_cache
from vops.lab.manifests import INFERENCE as NAMESPACE
from vops.lab.manifests import cluster_ip, container_of, namespace, node, vllm
from vops.lab.world import Lab

NAME = "llm"
SMALL = "Qwen/Qwen3-4B"
SHOWS_AFTER_S = 240


@dataclass(frozen=True)
class Broken:
    """How the server is made, its cause and its fix; `holds` is what the fixed Deployment has to have.

    `around` makes what else there has to be.
    """

    make: Callable[[], Document]
    cause: str
    runbook: str
    holds: Callable[[Document], bool]
    params: Mapping[str, Any] = field(default_factory=dict)
    around: Callable[[Lab], None] = lambda lab: None
    shows_after_s: float = SHOWS_AFTER_S


def server(*arguments: str, model: str = SMALL, **more: Any) -> Document:
    return vllm(NAME, model, "--max-model-len", "4096", *arguments, gpu=L4, **more)


async def bring_about(lab: Lab, broken: Broken) -> None:
    """Creates it and waits until it shows."""
    broken.around(lab)
    lab.store.create(broken.make(), manager="kubectl-client-side-apply")
    lab.world.settle()
    await lab.advance(broken.shows_after_s)


def words(deployment: Document) -> str:
    return " ".join(container_of(deployment)["args"])


def limits(deployment: Document) -> dict[str, str]:
    found: dict[str, str] = container_of(deployment)["resources"]["limits"]
    return found


def _wrong_port() -> Document:
    deployment = server()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        container_of(deployment)[probe]["httpGet"] = {"path": "/health", "port": 9000}
    return deployment


def _asks_the_server(deployment: Document) -> bool:
    probes = [container_of(deployment)[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]
    return all(probe["httpGet"]["port"] == "http" for probe in probes)


def _little_memory() -> Document:
    deployment = _memory_for_shm_only()
    container_of(deployment)["volumeMounts"].pop()
    return deployment


def _memory_for_shm_only() -> Document:
    deployment = server(memory="8Gi")
    container_of(deployment)["resources"]["requests"]["memory"] = "4Gi"
    return deployment


def _shared_memory(deployment: Document) -> str:
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    return next(str(item["emptyDir"]["sizeLimit"]) for item in volumes if item["name"] == "shm")


def _token(deployment: Document) -> bool:
    variables = {item["name"]: item for item in container_of(deployment).get("env", ())}
    return bool(variables["HF_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "hf-token-approved")


def _of(image: str) -> Document:
    deployment = server()
    container_of(deployment)["image"] = image
    return deployment


def _on(**labels: str) -> Document:
    deployment = server()
    deployment["spec"]["template"]["spec"]["nodeSelector"] = {
        key.replace("__", "/").replace("_", "."): value for key, value in labels.items()
    }
    return deployment


def _of_resource(name: str) -> Document:
    deployment = server()
    resources = container_of(deployment)["resources"]
    for part in ("requests", "limits"):
        resources[part][name] = resources[part].pop("nvidia.com/gpu")
    return deployment


def _spec(deployment: Document) -> Document:
    found: Document = deployment["spec"]["template"]["spec"]
    return found


def _with(deployment: Document, **variables: str) -> Document:
    container_of(deployment)["env"] = [{"name": name, "value": value} for name, value in variables.items()]
    return deployment


def environment(deployment: Document) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in container_of(deployment).get("env", ())}


def _in_bfloat16() -> Document:
    deployment = server("--dtype", "bfloat16")
    _spec(deployment)["nodeSelector"] = {"nvidia.com/gpu.product": T4.product}
    return deployment


def _with_service_links() -> Document:
    deployment = server()
    _spec(deployment)["enableServiceLinks"] = True
    return deployment


def _read_only() -> Document:
    deployment = without_cache(server())
    container_of(deployment)["securityContext"] = {"readOnlyRootFilesystem": True}
    return deployment


def _in_little_room() -> Document:
    deployment = without_cache(server())
    container_of(deployment)["resources"]["limits"]["ephemeral-storage"] = "4Gi"
    return deployment


def _make(lab: Lab, document: Document) -> None:
    lab.store.create(document)


def _held_up(lab: Lab) -> None:
    """Its requests keep it from answering probes for as long as the liveness probe waits."""
    lab.world.traffic.set(NAMESPACE, NAME, Traffic(1.6, holds_up_s=7))


def _kept_out(lab: Lab) -> None:
    """A policy admits the monitoring only, and a gateway in another namespace is told to ask the server."""
    lab.store.create(cluster_ip(NAME))
    lab.store.create(_only_monitoring())
    lab.world.registry.add("ghcr.io/example/gateway:1.0")
    lab.store.create(namespace("gateway"))
    lab.store.create(_gateway())


def _only_monitoring() -> Document:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "monitoring-only", "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": NAME}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [peer], "ports": [{"protocol": "TCP", "port": 8000}]}],
        },
    }


def _gateway() -> Document:
    labels = {"app": "gateway"}
    url = {"name": "OPENAI_API_BASE", "value": f"http://{NAME}.{NAMESPACE}.svc.cluster.local/v1"}
    container = {"name": "gateway", "image": "ghcr.io/example/gateway:1.0", "env": [url]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gateway", "namespace": "gateway"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


BROKEN: Mapping[str, Broken] = {
    "fix-probe-target": Broken(_wrong_port, "probe-misconfigured", "fix-probe-target", _asks_the_server),
    "fix-host-oom": Broken(_little_memory, "host-oom", "fix-host-oom", lambda it: limits(it)["memory"] != "8Gi"),
    "fix-shm": Broken(
        _memory_for_shm_only,
        "tmpfs-charged",
        "fix-shm",
        lambda it: _shared_memory(it) == "2Gi" and limits(it)["memory"] != "8Gi",
    ),
    "fix-gpu-count": Broken(
        lambda: server("--tensor-parallel-size", "2", model="Qwen/Qwen3-14B"),
        "tp-mismatch",
        "fix-gpu-count",
        lambda it: limits(it)["nvidia.com/gpu"] == "2" and "--tensor-parallel-size 2" in words(it),
    ),
    "fix-cuda-oom": Broken(
        lambda: server(model="Qwen/Qwen3-14B"),
        "cuda-oom-weights",
        "fix-cuda-oom",
        lambda it: limits(it)["nvidia.com/gpu"] == "2" and "--tensor-parallel-size 2" in words(it),
    ),
    "fix-token": Broken(
        lambda: server(model="meta-llama/Meta-Llama-3-8B-Instruct"),
        "token-missing",
        "fix-token",
        _token,
        {"token_secret": "hf-token-approved/token"},
    ),
    "fix-argument": Broken(
        lambda: server("--max-model-len", "999999"),
        "bad-argument",
        "fix-argument",
        lambda it: "--max-model-len 40960" in words(it),
    ),
    "fix-argument-unknown": Broken(
        lambda: server("--swap-space", "4", image="vllm/vllm-openai:v0.32.0"),
        "bad-argument",
        "fix-argument",
        lambda it: "swap" not in words(it),
    ),
    "fix-image": Broken(
        lambda: _of("vllm/vllm-openai:0.25.1"),
        "image-not-found",
        "fix-image",
        lambda it: container_of(it)["image"] == "vllm/vllm-openai:v0.25.1",
    ),
    "fix-node-selector": Broken(
        lambda: _on(nvidia_com__gpu_product="NVIDIA-L40S"),
        "node-selector-mismatch",
        "fix-node-selector",
        lambda it: it["spec"]["template"]["spec"]["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-L4"},
    ),
    "fix-gpu-resource": Broken(
        lambda: _of_resource("nvidia.com/gpu.shared"),
        "wrong-gpu-resource",
        "fix-gpu-resource",
        lambda it: limits(it)["nvidia.com/gpu"] == "1",
    ),
    "fix-dtype": Broken(
        _in_bfloat16,
        "unsupported-dtype",
        "fix-dtype",
        lambda it: "--dtype half" in words(it),
        around=lambda lab: _make(lab, node("gpu-t4-1", gpu=T4, gpus=1, cpu=12, memory_gib=64)),
    ),
    "fix-hub-offline": Broken(
        lambda: _with(without_cache(server()), HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1"),
        "hub-unreachable",
        "fix-hub-offline",
        lambda it: environment(it) == {"HF_HUB_OFFLINE": "0"},
    ),
    "fix-service-links": Broken(
        _with_service_links,
        "vllm-port-collision",
        "fix-service-links",
        lambda it: _spec(it)["enableServiceLinks"] is False,
        around=lambda lab: _make(lab, cluster_ip("vllm")),
    ),
    "fix-liveness-under-load": Broken(
        server,
        "liveness-kill-under-load",
        "fix-liveness-under-load",
        lambda it: container_of(it)["livenessProbe"]["timeoutSeconds"] == 10,
        around=_held_up,
        shows_after_s=400,
    ),
    "fix-readonly-cache": Broken(
        _read_only,
        "permission-denied",
        "fix-readonly-cache",
        lambda it: environment(it)["HF_HOME"] == "/scratch",
    ),
    "fix-ephemeral-storage": Broken(
        _in_little_room,
        "evicted",
        "fix-ephemeral-storage",
        lambda it: limits(it)["ephemeral-storage"] not in ("", "4Gi"),
    ),
    "fix-network-policy": Broken(server, "network-policy", "fix-network-policy", lambda it: True, around=_kept_out),
}
