"""Probes that cannot succeed, probes that are too impatient, and what a start costs when it is cut short."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cluster_parts import (
    HEALTH,
    crashed,
    event,
    first_finding,
    log_text,
    node,
    pod,
    ready,
    running,
    world,
)
from tests.unit.diagnosis.rule_cases import LOADING_LOG, SERVING_LOG, killed
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Confidence

RPC = "rpc error: code = Unknown desc = failed to exec in container: OCI runtime exec failed: exec failed: "
NEVER = {
    RPC + 'unable to start container process: exec: "curl": executable file not found in $PATH: unknown': "curl",
    'Get "https://10.0.0.1:8000/health": http: server gave HTTP response to HTTPS client': "HTTP only",
    'Get "http://10.0.0.1:8000/health": net/http: malformed HTTP response': "TLS only",
    "couldn't find port: port name not found": "no container port",
    'Get "http://vllm.local:8000/health": dial tcp: lookup vllm.local: no such host': "vllm.local",
    "HTTP probe failed with statuscode: 404": "answers 404",
    "HTTP probe failed with statuscode: 401": "answers 401",
    "HTTP probe failed with statuscode: 405": "answers 405",
}  # fmt: skip
LATE = 'Liveness probe failed: Get "http://10.0.0.1:8102/health": context deadline exceeded (Client.Timeout exceeded)'


def readiness(words: str, *, said: str = "Readiness probe failed: ", **probe: Any) -> Facts:
    """A server that serves, and a readiness probe that fails with these words."""
    container = {"readinessProbe": {"httpGet": {"path": "/health", "port": 8102}} | probe}
    return world(
        pod(status=running(), container=container), node(), event("Unhealthy", said + words, count=9), log=SERVING_LOG
    )


@pytest.mark.parametrize(("words", "says"), NEVER.items())
@pytest.mark.parametrize(
    "said", ["Readiness probe failed: ", "Readiness probe errored and resulted in unknown state: "]
)
def test_words_of_a_probe_that_can_never_succeed(words: str, says: str, said: str) -> None:
    found = first_finding(readiness(words, said=said))
    assert found.cause == "probe-misconfigured"
    assert says in found.summary


@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"path": "/health", "port": 9999}},
        {"httpGet": None, "tcpSocket": {"port": 9999}},
        {"httpGet": None, "grpc": {"port": 9999}},
        {"httpGet": {"path": "/health", "port": 8102, "host": "127.0.0.1"}},
    ],
)
def test_a_probe_of_every_kind_may_ask_at_the_wrong_place(probe: dict[str, Any]) -> None:
    facts = readiness("dial tcp 10.0.0.1:9999: connect: connection refused", **probe)
    assert first_finding(facts).cause == "probe-misconfigured"


def test_a_probe_that_is_refused_while_the_server_loads_is_not_wrong() -> None:
    container = {"readinessProbe": HEALTH, "startupProbe": HEALTH | {"failureThreshold": 60}}
    refused = 'Startup probe failed: Get "http://10.0.0.1:8000/health": dial tcp: connect: connection refused'
    facts = world(
        pod(status=running(120), container=container), node(), event("Unhealthy", refused, count=12), log=LOADING_LOG
    )
    assert diagnose(facts, facts.replicas[0].ref).findings == ()


def test_a_wrong_command_of_a_startup_probe_is_not_answered_with_patience() -> None:
    facts = killed("startup", LOADING_LOG, httpGet=None, exec={"command": ["curl", "localhost:8000"]})()
    told = event("Unhealthy", "Startup probe failed: sh: 1: curl: not found")
    facts = world(*facts.snapshot.pods, *facts.snapshot.events, told, node(), previous=LOADING_LOG)
    assert first_finding(facts).cause == "probe-misconfigured"


@pytest.mark.parametrize(
    ("events", "confidence"),
    [
        ([event("Killing", "Container vllm failed liveness probe, will be restarted")], Confidence.PROBABLE),
        ([event("Killing", "Container vllm failed liveness probe, will be restarted"), event("Unhealthy", LATE)],
         Confidence.CERTAIN),
        ([event("Unhealthy", LATE, count=3)], Confidence.STRONG),
    ],
)  # fmt: skip
def test_a_busy_server_that_is_killed_needs_a_longer_timeout(events: list[Any], confidence: Confidence) -> None:
    container = {"livenessProbe": {"httpGet": {"path": "/health", "port": 8102}, "timeoutSeconds": 4}}
    facts = world(
        pod(status=crashed(137, back=True, ran_s=4000), container=container), node(), *events, previous=SERVING_LOG
    )
    found = first_finding(facts)
    assert (found.cause, found.confidence) == ("liveness-kill-under-load", confidence)
    assert "timeoutSeconds to 8" in found.fixes[0].steps[1]


def test_a_timeout_of_the_probe_before_a_crash_is_not_the_cause() -> None:
    container = {"livenessProbe": {"httpGet": {"path": "/health", "port": 8102}}}
    facts = world(
        pod(status=crashed(1, ran_s=4000), container=container),
        node(),
        event("Unhealthy", LATE, count=3),
        log=log_text("dead-engine.log"),
    )
    assert first_finding(facts).cause != "liveness-kill-under-load"


def test_timing_without_a_log_is_probable_when_it_repeats() -> None:
    container = {"livenessProbe": HEALTH | {"initialDelaySeconds": 60, "failureThreshold": 3}}
    facts = world(pod(status=crashed(137, ran_s=95, restarts=7), container=container), node())
    found = first_finding(facts)
    assert (found.cause, found.confidence) == ("startup-probe-kill", Confidence.PROBABLE)


def test_vllms_own_limit_is_raised_with_the_probe() -> None:
    sibling = ready("llama-2", owner="llama", started_s=9000, took_s=1000, node="gpu-2")
    container = {"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 6}}
    one = pod(owner="llama", status=crashed(137, back=True, ran_s=65), container=container)
    facts = world(
        one,
        sibling,
        node(),
        event("Killing", "Container vllm failed startup probe, will be restarted"),
        previous=LOADING_LOG,
    )
    assert "VLLM_ENGINE_READY_TIMEOUT_S to 1500" in " ".join(first_finding(facts).fixes[1].steps)


@pytest.mark.parametrize(("mounted", "again"), [(True, False), (False, True)])
def test_a_download_into_the_container_begins_anew_with_every_restart(mounted: bool, again: bool) -> None:
    mounts = [{"name": "cache", "mountPath": "/root/.cache/huggingface"}] if mounted else []
    container = {"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 6}, "volumeMounts": mounts}
    one = pod(
        status=crashed(137, back=True, ran_s=65), container=container, volumes=[{"name": "cache", "emptyDir": {}}]
    )
    facts = world(
        one,
        node(),
        event("Killing", "Container vllm failed startup probe, will be restarted"),
        previous=log_of_a_download(),
    )
    found = first_finding(facts)
    assert found.cause == "startup-probe-kill"
    assert any("outlives the pod" in step for fix in found.fixes for step in fix.steps) is again


def log_of_a_download() -> str:
    return "\n".join(
        (
            "INFO 11-24 02:00:00 [api_server.py:1] vLLM API server version 0.25.1",
            "INFO 11-24 02:00:20 [model.py:1] Starting to load model x...",
            "model-00001-of-00004.safetensors:  12%|#2        | 600M/5.00G [00:30<03:40, 20.0MB/s]",
        )
    )


@pytest.mark.parametrize(("status", "cause"), [(404, "probe-misconfigured"), (503, "")])
def test_an_answer_shows_without_a_log_that_the_server_is_up(status: int, cause: str) -> None:
    said = event("Unhealthy", f"Readiness probe failed: HTTP probe failed with statuscode: {status}", count=40)
    facts = world(pod(status=running(600), container={"readinessProbe": HEALTH}), node(), said)
    assert [item.cause for item in diagnose(facts, facts.replicas[0].ref).findings] == ([cause] if cause else [])


@pytest.mark.parametrize(
    ("ran_s", "said", "cause"),
    [
        (95, "connect: connection refused", "startup-probe-kill"),
        (
            4000,
            "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            "liveness-kill-under-load",
        ),
        (4000, "HTTP probe failed with statuscode: 503", "engine-dead"),
        (4000, "HTTP probe failed with statuscode: 500", "unknown"),
    ],
)
def test_without_a_log_the_length_of_its_life_tells_a_start_from_a_busy_server(
    ran_s: float, said: str, cause: str
) -> None:
    container = {"livenessProbe": HEALTH | {"initialDelaySeconds": 60, "failureThreshold": 3}}
    events = [
        event("Killing", "Container vllm failed liveness probe, will be restarted"),
        event("Unhealthy", f"Liveness probe failed: {said}", count=9),
    ]
    facts = world(pod(status=crashed(137, ran_s=ran_s, restarts=7), container=container), node(), *events)
    assert first_finding(facts).cause == cause


REFUSED = 'probe failed: Get "http://10.0.0.1:9999/health": dial tcp 10.0.0.1:9999: connect: connection refused'


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("readiness", {"status": running(7200)}),
        ("startup", {"status": crashed(137, ran_s=65, restarts=4)}),
    ],
)
@pytest.mark.parametrize(("port", "cause"), [(9999, "probe-misconfigured"), (8000, None)])
def test_a_port_that_vllm_was_not_told_of_is_never_answered(
    kind: str, facts: dict[str, Any], port: int, cause: str | None
) -> None:
    probe = {"httpGet": {"path": "/health", "port": port}, "periodSeconds": 10, "failureThreshold": 6}
    said = event("Unhealthy", f"{kind.capitalize()} {REFUSED}", count=40)
    found = first_finding(world(pod(container={f"{kind}Probe": probe}, **facts), node(), said))
    assert (found.cause == "probe-misconfigured") is (cause is not None)


def test_a_port_of_a_sidecar_may_be_probed() -> None:
    probe = {"readinessProbe": {"httpGet": {"path": "/health", "port": 9999}}}
    server = {"name": "vllm", "image": "vllm/vllm-openai:v0.25.1", "command": ["vllm", "serve", "m"]} | probe
    proxy = {"name": "proxy", "image": "example.com/proxy:1", "ports": [{"containerPort": 9999}]}
    said = event("Unhealthy", f"Readiness {REFUSED}", count=40)
    facts = world(pod(status=running(7200), containers=[server, proxy]), node(), said)
    assert first_finding(facts).cause == "unknown"
