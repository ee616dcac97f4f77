"""Kubelets: images, configuration, probes, ends and restarts, in the words of 1.36."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.lab.simulation import container, create, events, llama, log, pod, pods, run, world_with
from vops.lab.controllers.base import condition, is_true
from vops.lab.faults import with_impatient_liveness, with_token
from vops.lab.manifests import VLLM_IMAGE, container_of, token_secret
from vops.lab.world import World


def _state(world: World) -> tuple[str, dict[str, Any]]:
    ((name, details),) = container(world)["state"].items()
    return name, details


def _failing() -> dict[str, Any]:
    """A Deployment whose model does not exist."""
    deployment = llama()
    container_of(deployment)["args"][0] = "nobody/nothing"
    return deployment


def test_a_missing_image_is_pulled_and_said_so() -> None:
    world = world_with(image=False)
    create(world, llama())
    run(world, 5)
    assert _state(world) == ("waiting", {"reason": "ContainerCreating"})
    run(world, 60)
    assert events(world, "Pulling")[0]["message"] == f'Pulling image "{VLLM_IMAGE}"'
    assert events(world, "Pulled")[0]["message"].startswith(f'Successfully pulled image "{VLLM_IMAGE}" in ')


def test_an_image_that_does_not_exist_is_backed_off_with_its_cause() -> None:
    world = world_with()
    create(world, llama(image="vllm/vllm-openai:v9.9.9"))
    run(world, 2.5)
    assert events(world, "Failed")[-1]["message"] == "Error: ErrImagePull"
    run(world, 20)
    name, details = _state(world)
    assert (name, details["reason"]) == ("waiting", "ImagePullBackOff")
    assert details["message"].startswith('Back-off pulling image "vllm/vllm-openai:v9.9.9": ErrImagePull: failed to ')
    assert details["message"].endswith("docker.io/vllm/vllm-openai:v9.9.9: not found")


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (None, 'secret "hf-token" not found'),
        ({"other": "eA=="}, "couldn't find key token in Secret inference/hf-token"),
    ],
)
def test_missing_configuration_keeps_a_container_from_being_created(secret: Any, message: str) -> None:
    world = world_with()
    if secret:
        create(world, token_secret("hf-token", "") | {"data": secret})
    create(world, with_token(llama(), "hf-token"))
    run(world, 5)
    assert _state(world) == ("waiting", {"reason": "CreateContainerConfigError", "message": message})
    assert events(world, "Failed")[0]["message"] == f"Error: {message}"
    if not secret:
        create(world, token_secret("hf-token", base64.b64encode(b"x").decode()))
        run(world, 15)
        assert _state(world)[0] == "running"


def test_a_server_becomes_ready_when_its_probe_passes() -> None:
    world = world_with()
    create(world, llama())
    run(world, 20)
    assert not is_true(pod(world), "Ready")
    assert condition(pod(world), "Ready")["message"] == "containers with unready status: [vllm]"  # type: ignore[index]
    unhealthy = events(world, "Unhealthy")[0]["message"]
    ip = pod(world)["status"]["podIP"]
    assert unhealthy == (
        f'Startup probe failed: Get "http://{ip}:8000/health": dial tcp {ip}:8000: connect: connection refused'
    )
    run(world, 80)
    assert is_true(pod(world), "Ready")
    assert container(world)["started"] is True


def test_a_healthy_pod_costs_no_more_probing() -> None:
    world = world_with()
    create(world, llama())
    run(world, 100)
    revision = world.store.revision
    run(world, 250)
    assert world.store.revision == revision + 1  # its node's heartbeat


def test_a_liveness_probe_kills_a_loading_server_again_and_again() -> None:
    world = world_with()
    impatient = with_impatient_liveness(llama(), delay_s=5, period_s=3, failures=2)
    impatient["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 5
    create(world, impatient)
    run(world, 13)
    assert events(world, "Killing")[0]["message"] == "Container vllm failed liveness probe, will be restarted"
    run(world, 6.5)
    killed = container(world)["lastState"].get("terminated") or container(world)["state"]["terminated"]
    assert (killed["exitCode"], killed["reason"]) == (137, "Error")
    run(world, 300)
    assert container(world)["restartCount"] >= 3
    assert "Using max model len 8192" in log(world, previous=True)
    assert "Application startup complete" not in log(world, previous=True)


def test_restarts_back_off_from_ten_seconds_to_five_minutes() -> None:
    world = world_with()
    create(world, _failing())
    waits: list[str] = []
    for _ in range(200):
        run(world, 5)
        name, details = _state(world)
        if name == "waiting" and details["reason"] == "CrashLoopBackOff":
            wait = details["message"].split(" ")[1]
            waits += [wait] if wait not in waits else []
    assert waits == ["10s", "20s", "40s", "1m20s", "2m40s", "5m0s"]


def test_a_container_over_its_memory_limit_is_oom_killed() -> None:
    world = world_with()
    create(world, llama(memory="6Gi"))
    run(world, 50)
    ended = container(world)["lastState"].get("terminated") or container(world)["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    assert "Loading safetensors checkpoint shards" in log(world, previous=True)


def test_a_deleted_pod_stops_in_its_grace_period_and_is_replaced_at_once() -> None:
    world = world_with(gpus=2)
    create(world, llama())
    run(world, 100)
    old = pod(world)["metadata"]["name"]
    world.store.delete("v1", "Pod", "inference", old)
    world.settle()
    assert len(pods(world)) == 2
    assert events(world, "Killing")[0]["message"] == "Stopping container vllm"
    run(world, 2)
    assert [item["metadata"]["name"] for item in pods(world)] != [old]


def test_a_loading_server_is_only_killed_when_its_grace_period_is_over() -> None:
    world = world_with(gpus=2)
    create(world, llama())
    run(world, 10)
    world.store.delete("v1", "Pod", "inference", pod(world)["metadata"]["name"])
    run(world, 25)
    assert len(pods(world)) == 2
    run(world, 10)
    assert len(pods(world)) == 1


def test_init_containers_come_first() -> None:
    world = world_with()
    deployment = llama()
    deployment["spec"]["template"]["spec"]["initContainers"] = [{"name": "fetch", "image": VLLM_IMAGE}]
    create(world, deployment)
    run(world, 2)
    assert _state(world) == ("waiting", {"reason": "PodInitializing"})
    run(world, 5)
    assert pod(world)["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert _state(world)[0] == "running"


def test_a_termination_message_is_the_end_of_the_log_where_asked_for() -> None:
    world = world_with()
    deployment = _failing()
    container_of(deployment)["terminationMessagePolicy"] = "FallbackToLogsOnError"
    create(world, deployment)
    run(world, 12.5)
    ended = container(world)["state"].get("terminated") or container(world)["lastState"]["terminated"]
    assert "nobody/nothing is not a local folder" in ended["message"]


def test_events_are_forgotten_after_an_hour() -> None:
    world = world_with()
    create(world, llama())
    run(world, 120)
    assert events(world, "Scheduled")
    run(world, 3700)
    assert world.store.list("v1", "Event") == []
