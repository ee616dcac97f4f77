"""Failures after a node was chosen and before the server runs: what the kubelet says while it makes the container."""

from __future__ import annotations

from collections.abc import Mapping

from tests.cluster import vllm_pods
from tests.cluster.commonest.case import SERVING, Case, Document, dying, mounting, server, spec, waiting
from tests.cluster.failures import restarted
from tests.cluster.images import VLLM

_CONFIG = waiting("CreateContainerConfigError")
_CREATING = waiting("ContainerCreating")


def _variable(**source: object) -> Mapping[str, object]:
    return {"container": {"env": [{"name": "HF_TOKEN", "valueFrom": source}]}}


def _beside(name: str, script: str) -> Document:
    """A container beside the server, or before it."""
    return {"name": name, "image": VLLM, "command": ["sh", "-c", script]}


_PROXY = _beside("proxy", "exit 7") | {"readinessProbe": {"tcpSocket": {"port": 9901}}}
FAILURES: Mapping[str, Case] = {
    "no-such-secret": Case(
        "missing-config",
        'secret "hf-tokn" not found',
        _CONFIG,
        server(**_variable(secretKeyRef={"name": "hf-tokn", "key": "token"})),
    ),
    "no-such-config-map": Case(
        "missing-config",
        'configmap "vllm-settings" not found',
        _CONFIG,
        server(container={"envFrom": [{"configMapRef": {"name": "vllm-settings"}}]}),
    ),
    "no-such-key": Case(
        "missing-config",
        "couldn't find key HF_TOKEN in Secret",
        _CONFIG,
        server(
            vllm_pods.token_secret(SERVING, "hf-other-key", "hf_x"),
            **_variable(secretKeyRef={"name": "hf-other-key", "key": "HF_TOKEN"}),
        ),
    ),
    "no-such-volume-secret": Case(
        "missing-config",
        'secret "tls" not found',
        _CREATING,
        server(**mounting("tls", "/tls", secret={"secretName": "tls"})),
    ),
    "root-refused": Case(
        "admission-denied", "runAsNonRoot", _CONFIG, server(pod={"securityContext": {"runAsNonRoot": True}})
    ),
    "no-such-host-path": Case(
        "mount-failed",
        "hostPath type check failed",
        _CREATING,
        server(**mounting("models", hostPath={"path": "/mnt/models", "type": "Directory"})),
    ),
    "no-gpu-runtime": Case(
        "sandbox-failed",
        'no runtime for "nvidia" is configured',
        _CREATING,
        server(pod={"runtimeClassName": "nvidia"}),
    ),
    "read-only-cache": dying(
        "permission-denied",
        "Read-only file system",
        container={"volumeMounts": [{"name": "cache", "mountPath": "/root/.cache/huggingface", "readOnly": True}]},
    ),
    "cache-of-another-user": dying(
        "permission-denied",
        "Permission denied",
        pod={"securityContext": {"runAsUser": 1000}},
        environment={"HF_HOME": "/models/hub"},
    ),
    "failing-hook": Case(
        "post-start-hook-failed",
        "PostStartHook",
        restarted,
        server(container={"lifecycle": {"postStart": {"exec": {"command": ["cp", "/nothing", "/tmp"]}}}}),
    ),
    "failing-sidecar": Case(
        "sidecar-failed",
        "exit code 7",
        restarted,
        server(pod={"containers": [*spec()["containers"], _PROXY]}),
    ),
    "failing-init-container": Case(
        "init-container-failed",
        "fetch",
        waiting("CrashLoopBackOff"),
        server(pod={"initContainers": [_beside("fetch", "echo fetching; exit 3")]}),
    ),
}
