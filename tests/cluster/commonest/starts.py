"""Failures of a server that runs: probes that kill or never pass, memory that runs out, an eviction."""

from __future__ import annotations

from collections.abc import Mapping

from tests.cluster import vllm_pods
from tests.cluster.commonest.case import Case, Document, condition, died, failed, mounting, server
from tests.cluster.failures import SLOW_S, restarted

_QUICK = vllm_pods.http_probe(period_s=2, failures=3)
_SHM = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "512Mi"}}


def _limited(memory: str) -> Document:
    return {"resources": {"limits": {"nvidia.com/gpu": "1", "memory": memory}}}


def _readiness(**probe: object) -> Mapping[str, object]:
    """Seldom enough that the kubelet's 25 events about a pod outlast the refused connections of a slow start."""
    return {"readinessProbe": {"httpGet": probe, "periodSeconds": 3, "failureThreshold": 3}}


def _probed_wrongly(says: str, **probe: object) -> Case:
    return Case(
        "probe-misconfigured",
        says,
        condition("Ready", "False", "ContainersNotReady"),
        server(probes=_readiness(**probe)),
    )


FAILURES: Mapping[str, Case] = {
    "liveness-kills-while-loading": Case(
        "startup-probe-kill",
        "livenessProbe",
        restarted,
        server(load_seconds=SLOW_S, probes={"livenessProbe": _QUICK}),
    ),
    "startup-probe-too-short": Case(
        "startup-probe-kill",
        "startupProbe",
        restarted,
        server(load_seconds=SLOW_S, probes={"startupProbe": _QUICK}),
    ),
    "readiness-on-another-port": _probed_wrongly("connection refused", path="/health", port=8080),
    "readiness-on-another-path": _probed_wrongly("HTTP probe failed with statuscode: 404", path="/healthz", port=8000),
    "readiness-over-tls": _probed_wrongly("HTTPS", path="/health", port=8000, scheme="HTTPS"),
    "out-of-memory": Case(
        "host-oom",
        "OOMKilled",
        died("OOMKilled"),
        server(environment={"FAKE_FILLS": "memory"}, container=_limited("96Mi")),
    ),
    "shared-memory-full": Case(
        "tmpfs-charged",
        "container init was OOM-killed",
        died("StartError"),
        server(
            environment={"FAKE_FILLS": "/dev/shm"},
            pod={"volumes": [_SHM]},
            container=_limited("96Mi") | {"volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}]},
        ),
    ),
    "cache-over-its-limit": Case(
        "evicted",
        'EmptyDir volume "models" exceeds the limit "8Mi"',
        failed,
        server(environment={"FAKE_FILLS": "/models"}, **mounting("models", emptyDir={"sizeLimit": "8Mi"})),
    ),
    "disk-over-its-limit": Case(
        "evicted",
        "ephemeral local storage usage exceeds",
        failed,
        server(
            environment={"FAKE_FILLS": "/root"},
            container={"resources": {"limits": {"nvidia.com/gpu": "1", "ephemeral-storage": "8Mi"}}},
        ),
    ),
}
