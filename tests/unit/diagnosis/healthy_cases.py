"""Situations in which nothing is wrong: no rule may say anything about them."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.diagnosis import cases_capacity, cases_start
from tests.unit.diagnosis.cluster_parts import (
    HEALTH,
    ago,
    deployment,
    event,
    log_text,
    node,
    pending,
    pod,
    ready,
    replicaset,
    running,
    samples,
    waiting,
    world,
)
from tests.unit.diagnosis.rule_cases import LOADING_LOG, SERVING_LOG
from vops.diagnosis.facts import Facts

PROBED = {"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 60}, "readinessProbe": HEALTH}
REFUSED = 'Startup probe failed: Get "http://10.0.0.1:8000/health": dial tcp 10.0.0.1:8000: connect: connection refused'

HEALTHY: dict[str, Callable[[], Facts]] = {
    "idle": lambda: world(ready(), node(), samples(running=0, waiting=0), log=SERVING_LOG),
    "busy": lambda: world(ready(), node(), samples(running=30, waiting=0, kv_usage=0.6), log=SERVING_LOG),
    "loading": lambda: world(
        pod(status=running(120), container=PROBED), node(), event("Unhealthy", REFUSED, count=11), log=LOADING_LOG
    ),
    "loading-without-probes": lambda: world(pod(status=running(900)), node(), log=LOADING_LOG),
    "just-created": lambda: world(pending("", age_s=2, conditions=[]), node()),
    "pulling": lambda: world(
        pod(status=waiting("ContainerCreating"), phase="Pending", age_s=200),
        node(),
        event("Pulling", 'Pulling image "vllm/vllm-openai:v0.25.1"', age_s=190),
    ),
    "stopping": lambda: world(
        pod(status=running(4000, ready=True), metadata={"deletionTimestamp": ago(5)}),
        node(),
        event("Killing", "Stopping container vllm"),
        log=log_text("sigterm.log"),
    ),
    "restarted-yesterday": lambda: world(
        ready(
            started_s=90_000,
            status={
                "restartCount": 1,
                "lastState": {
                    "terminated": {
                        "exitCode": 137,
                        "reason": "OOMKilled",
                        "startedAt": ago(91_000),
                        "finishedAt": ago(90_010),
                    }
                },
            },
        ),
        node(),
        log=SERVING_LOG,
    ),
    "rolled-out": lambda: world(ready(owner="llama"), node(), deployment(), replicaset(), log=SERVING_LOG),
    "not-ready-for-a-moment": lambda: world(
        pod(status=running(30), container=PROBED), node(), event("Started", "Container started"), log=LOADING_LOG
    ),
}

HEALTHY |= cases_start.PROGRESS | cases_capacity.HEALTHY
