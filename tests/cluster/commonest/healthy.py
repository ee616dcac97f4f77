"""What is well, or on its way: near misses of the failures. vops must stay silent about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.cluster import vllm_pods
from tests.cluster.commonest.case import (
    SERVING,
    Case,
    claim,
    condition,
    deployed,
    mounting,
    ready,
    running,
    server,
    service,
)

_PATIENT = vllm_pods.http_probe(period_s=2, failures=300)
_WELL = Case("", "", ready, server(), state="ready")
_LOADING = Case("", "", running, server(load_seconds=600), state="loading")

HEALTHY: Mapping[str, Case] = {
    "serving": _WELL,
    "loading": _LOADING,
    "loading-under-a-startup-probe": replace(
        _LOADING, made=server(load_seconds=600, probes=vllm_pods.READINESS | {"startupProbe": _PATIENT})
    ),
    "granted": replace(
        _WELL,
        made=server(
            vllm_pods.token_secret(SERVING, "hf-granted", vllm_pods.GRANTED_TOKEN),
            model=vllm_pods.GATED_MODEL,
            token_secret="hf-granted",
        ),
    ),
    "behind-its-service": replace(_WELL, made=server(service("well", "behind-its-service", "http"))),
    "models-from-the-host": replace(
        _WELL, made=server(**mounting("models", hostPath={"path": "/var", "type": "Directory"}))
    ),
    "models-on-a-claim": replace(
        _WELL,
        made=server(
            claim("for-one-pod", storageClassName="made-by-hand", accessModes=["ReadWriteOncePod"]),
            **mounting("models", persistentVolumeClaim={"claimName": "for-one-pod"}),
        ),
    ),
    "on-a-host-port": replace(
        _WELL, made=server(container={"ports": [{"name": "http", "containerPort": 8000, "hostPort": 8000}]})
    ),
    "rolled-out": replace(_WELL, shows=condition("Available", "True"), made=deployed(), kind="deploy"),
}
