"""The simulated Job controller: tries with back-off, ends by policy, limit or deadline, and clears up after itself."""

from __future__ import annotations

from typing import Any

from tests.lab.simulation import create, events, pods, run, world_with
from vops.lab.controllers.base import condition
from vops.lab.controllers.rollout import moment
from vops.lab.documents import Document
from vops.lab.manifests import GPU_TOLERATION, INFERENCE, VLLM_IMAGE
from vops.lab.world import World


def job(*command: str, **spec: Any) -> Document:
    """A Job whose container runs a seeder without a manifest, which ends at once with code 48, or what is said."""
    container = {"name": "work", "image": VLLM_IMAGE, "command": list(command or ("python3", "/seeder/seeder.py"))}
    pod = {"restartPolicy": "Never", "containers": [container], "tolerations": [dict(GPU_TOLERATION)]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work", "namespace": INFERENCE},
        "spec": {"template": {"spec": pod}, **spec},
    }


def the_job(world: World) -> Document:
    return world.store.get("batch/v1", "Job", INFERENCE, "work")


def failed(world: World) -> Document:
    found = condition(the_job(world), "Failed")
    assert found is not None
    return found


def test_failures_are_tried_again_later_and_later_until_the_limit() -> None:
    world = world_with()
    create(world, job(backoffLimit=2))
    run(world, 300)
    assert (len(pods(world)), failed(world)["reason"]) == (3, "BackoffLimitExceeded")
    assert len(events(world, "BackoffLimitExceeded")) == 1
    first, second, third = sorted(moment(pod["metadata"]["creationTimestamp"]) for pod in pods(world))
    assert 10 <= second - first < third - second


def test_a_code_that_the_policy_names_ends_the_job_at_once() -> None:
    world = world_with()
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "work", "operator": "In", "values": [48]}}
    create(world, job(podFailurePolicy={"rules": [rule]}))
    run(world, 120)
    name = pods(world)[0]["metadata"]["name"]
    said = f"Container work for pod {INFERENCE}/{name} failed with exit code 48 matching FailJob rule at index 0"
    assert (len(pods(world)), failed(world)["reason"], failed(world)["message"]) == (1, "PodFailurePolicy", said)


def test_a_deadline_ends_it_and_its_pod() -> None:
    world = world_with()
    create(world, job("sleep", activeDeadlineSeconds=30))
    run(world, 90)
    assert failed(world)["reason"] == "DeadlineExceeded"
    assert not [pod for pod in pods(world) if pod["status"]["phase"] == "Running"]


def test_a_finished_job_goes_after_its_time_and_its_pods_with_it() -> None:
    world = world_with()
    create(world, job(backoffLimit=0, ttlSecondsAfterFinished=600))
    run(world, 120)
    assert failed(world)["reason"] == "BackoffLimitExceeded"
    run(world, 700)
    assert world.store.find("batch/v1", "Job", INFERENCE, "work") is None
    assert not pods(world)
