"""Servers that a probe kills while they load: proven by events or by timing, with a budget that is computed."""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cluster_parts import (
    HEALTH,
    NAMESPACE,
    crashed,
    deployment,
    event,
    first_finding,
    log_text,
    node,
    pod,
    ready,
    replicaset,
    world,
)
from tests.unit.diagnosis.rule_cases import LOADING_LOG, SERVING_LOG, killed
from vops.diagnosis.findings import Confidence
from vops.diagnosis.starting.startup import estimate

OWNED = (deployment(), replicaset())


def test_the_probes_budget_is_computed_from_a_start_that_succeeded() -> None:
    facts = world(
        pod(
            owner="llama",
            status=crashed(137, back=True, ran_s=65),
            container={"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 6}},
        ),
        ready("llama-2", owner="llama", started_s=9000, took_s=1234, node="gpu-2"),
        node(),
        *OWNED,
        event("Killing", "Container vllm failed startup probe, will be restarted"),
        previous=LOADING_LOG,
    )
    finding = first_finding(facts)
    assert (finding.cause, finding.confidence) == ("startup-probe-kill", Confidence.CERTAIN)
    assert finding.fixes[0].params == {
        "namespace": NAMESPACE,
        "target": "deployment/llama",
        "container": "vllm",
        "path": "/health",
        "port": 8000,
        "period_seconds": 10,
        "failure_threshold": 186,  # 1.5 × 1234 s in periods of 10 s
        "progress_deadline_seconds": 1860 + 480,
    }


def test_without_one_the_interrupted_start_is_extrapolated() -> None:
    log = "\n".join(
        (
            "INFO 11-24 02:00:00 [api_server.py:1] vLLM API server version 0.12.0",
            "INFO 11-24 02:00:20 [model.py:1] Starting to load model x...",
            "Loading safetensors checkpoint shards:  25% Completed | 1/4",
            "INFO 11-24 02:05:20 [x.py:1] still at it",
        )
    )
    replica = killed("startup", log, ran_s=340)().replicas[0]
    assert estimate(replica).seconds == 15 + 20 + 300 / 0.25 + 120


def test_with_nothing_to_go_by_the_floor_holds() -> None:
    replica = killed("startup", "", ran_s=30)().replicas[0]
    assert (estimate(replica).seconds, estimate(replica).failure_threshold) == (60, 60)


@pytest.mark.parametrize(
    ("ran_s", "restarts", "found"),
    [
        (60, 5, ("startup-probe-kill", Confidence.STRONG)),
        (88, 5, ("startup-probe-kill", Confidence.STRONG)),
        (60, 1, ("startup-probe-kill", Confidence.PROBABLE)),
        (400, 5, ("unknown", Confidence.POSSIBLE)),
        (9, 5, ("unknown", Confidence.POSSIBLE)),
    ],
)
def test_timing_stands_in_for_a_lost_event(ran_s: float, restarts: int, found: tuple[str, Confidence]) -> None:
    facts = world(
        pod(
            status=crashed(137, ran_s=ran_s, restarts=restarts),
            container={"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 6}},
        ),
        node(),
        log=LOADING_LOG,
    )
    finding = first_finding(facts)
    assert (finding.cause, finding.confidence) == found


def test_a_kill_of_an_earlier_instance_is_not_this_ones() -> None:
    facts = world(
        pod(status=crashed(1, ended_s=20), container={"startupProbe": HEALTH | {"failureThreshold": 6}}),
        node(),
        event("Killing", "Container vllm failed startup probe, will be restarted", age_s=3000),
        log=LOADING_LOG,
    )
    assert first_finding(facts).cause == "unknown"


def test_a_traceback_outweighs_the_probe() -> None:
    facts = killed("startup", log_text("fail-kv-too-small.log"))()
    assert first_finding(facts).cause == "kv-cache-too-small"


def test_a_kill_for_memory_is_not_the_probes() -> None:
    facts = world(
        pod(
            status=crashed(137, reason="OOMKilled", ran_s=60),
            container={"startupProbe": HEALTH | {"failureThreshold": 6}},
        ),
        node(),
        log=LOADING_LOG,
    )
    assert first_finding(facts).cause == "host-oom"


def test_liveness_does_not_count_while_a_startup_probe_runs() -> None:
    probes = {
        "startupProbe": HEALTH | {"failureThreshold": 100},
        "livenessProbe": HEALTH | {"failureThreshold": 6},
    }
    facts = world(pod(status=crashed(137, ran_s=60), container=probes), node(), log=LOADING_LOG)
    assert first_finding(facts).cause == "unknown"


def test_a_probe_that_asks_elsewhere_is_not_blamed_for_a_death_of_another_kind() -> None:
    facts = world(
        pod(status=crashed(0, reason="Completed"), container={"livenessProbe": HEALTH}),
        node(),
        log=log_text("dead-engine.log"),
    )
    assert first_finding(facts).cause == "engine-dead"


def test_a_probe_that_asks_a_server_that_is_up_elsewhere_is_misconfigured() -> None:
    facts = killed("startup", SERVING_LOG)()
    finding = first_finding(facts)
    assert finding.cause == "probe-misconfigured"
    assert "8102" in finding.summary


def test_an_earlier_kill_is_quoted_when_the_kubelet_tells_of_no_more() -> None:
    """After 25 events of a pod it tells of one each five minutes."""
    status = crashed(137, back=True, ran_s=65)
    probes = {"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 6}}
    told = event("Killing", "Container vllm failed startup probe, will be restarted", age_s=500, count=6)
    finding = first_finding(world(pod(status=status, container=probes), node(), told, previous=LOADING_LOG))
    assert (finding.cause, finding.confidence) == ("startup-probe-kill", Confidence.CERTAIN)
    assert "failed startup probe" in finding.evidence[0].observed
