"""Deployments: how rollouts move, when they cannot, and what their status says meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.simulation import create, deployment, edit, events, llama, pods, reason_of, run, set_argument, world_with
from vops.lab import statuses
from vops.lab.controllers.base import condition
from vops.lab.controllers.rollout import Rollout
from vops.lab.world import World

_READY_S = 100


@pytest.mark.parametrize(
    ("replicas", "limits", "expected"),
    [
        (1, {}, (1, 0)),
        (4, {}, (1, 1)),
        (5, {"maxSurge": "30%", "maxUnavailable": "30%"}, (2, 1)),
        (3, {"maxSurge": 0, "maxUnavailable": 1}, (0, 1)),
        (1, {"maxSurge": 0, "maxUnavailable": "25%"}, (0, 1)),
    ],
)
def test_surge_rounds_up_and_unavailable_rounds_down(
    replicas: int, limits: dict[str, Any], expected: tuple[int, int]
) -> None:
    rollout = Rollout.of({"spec": {"replicas": replicas, "strategy": {"rollingUpdate": limits}}})
    assert (rollout.max_surge, rollout.max_unavailable) == expected


def _ready(world: World) -> int:
    return int(deployment(world)["status"].get("readyReplicas", 0))


def test_a_new_deployment_becomes_available_when_its_servers_serve() -> None:
    world = world_with(gpus=2)
    create(world, llama(replicas=2))
    run(world, 20)
    assert reason_of(deployment(world), "Available") == "MinimumReplicasUnavailable"
    run(world, _READY_S)
    assert _ready(world) == 2
    assert reason_of(deployment(world), "Progressing") == "NewReplicaSetAvailable"


def test_a_rolling_update_never_drops_below_its_minimum() -> None:
    world = world_with(gpus=3)
    create(world, llama(replicas=2))
    run(world, _READY_S)
    edit(world, set_argument("--max-num-seqs=64"))
    lowest = 2
    for _ in range(80):
        run(world, 5)
        lowest = min(lowest, _ready(world))
    assert lowest == 2
    assert deployment(world)["status"]["updatedReplicas"] == len(pods(world)) == 2
    assert deployment(world)["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"


def test_a_rollout_without_a_free_card_hangs_until_the_old_pod_may_go_first() -> None:
    world = world_with(gpus=1)
    create(world, llama())
    run(world, _READY_S)
    edit(world, set_argument("--max-num-seqs=64"))
    run(world, 700)
    assert len(pods(world)) == 2
    assert reason_of(deployment(world), "Progressing") == "ProgressDeadlineExceeded"
    edit(world, lambda spec: spec["strategy"].update(rollingUpdate={"maxSurge": 0, "maxUnavailable": 1}))
    run(world, _READY_S)
    assert (len(pods(world)), _ready(world)) == (1, 1)
    assert reason_of(deployment(world), "Progressing") == "NewReplicaSetAvailable"


def test_recreate_waits_for_the_last_old_pod_to_be_gone() -> None:
    world = world_with(gpus=2)
    create(world, llama(strategy={"type": "Recreate"}))
    run(world, _READY_S)
    edit(world, set_argument("--max-num-seqs=64"))
    run(world, 0.5)
    assert [item["metadata"].get("deletionTimestamp") is not None for item in pods(world)] == [True]
    run(world, _READY_S)
    assert _ready(world) == 1


def test_going_back_to_an_old_template_reuses_its_replicaset() -> None:
    world = world_with(gpus=2)
    create(world, llama())
    run(world, _READY_S)
    (first,) = (item["metadata"]["name"] for item in world.store.list("apps/v1", "ReplicaSet"))
    edit(world, set_argument("--max-num-seqs=64"))
    run(world, _READY_S)
    edit(world, lambda spec: spec["template"]["spec"]["containers"][0]["args"].pop())
    run(world, _READY_S)
    current = world.store.get("apps/v1", "ReplicaSet", "inference", first)
    assert current["spec"]["replicas"] == 1
    assert current["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_scaling_down_takes_the_pods_that_do_not_serve_first() -> None:
    world = world_with(gpus=1)
    create(world, llama(replicas=2))
    run(world, _READY_S)
    serving = [item["metadata"]["name"] for item in pods(world) if item["spec"].get("nodeName")]
    edit(world, lambda spec: spec.update(replicas=1))
    run(world, 5)
    assert [item["metadata"]["name"] for item in pods(world)] == serving
    assert "Scaled down replica set" in events(world, "ScalingReplicaSet")[-1]["message"]


def test_a_paused_deployment_does_not_roll() -> None:
    world = world_with(gpus=2)
    create(world, llama(paused=True))
    run(world, 10)
    assert pods(world) == []


def test_what_a_deployment_owned_goes_with_it() -> None:
    world = world_with(gpus=1)
    create(world, llama())
    run(world, _READY_S)
    world.store.delete("apps/v1", "Deployment", "inference", "llama")
    run(world, 40)
    assert pods(world) == []
    assert world.store.list("apps/v1", "ReplicaSet") == []


def test_a_pod_that_may_not_be_created_makes_a_replica_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with()
    create_any = world.store.create

    def create_no_pods(document: dict[str, Any], **options: Any) -> dict[str, Any]:
        if document["kind"] == "Pod":
            raise statuses.ApiError(403, "Forbidden", 'pods "llama" is forbidden: exceeded quota: gpus')
        return create_any(document, **options)

    monkeypatch.setattr(world.store, "create", create_no_pods)
    create(world, llama())
    run(world, 1)
    failure = condition(deployment(world), "ReplicaFailure")
    assert failure is not None
    assert (failure["status"], failure["reason"]) == ("True", "FailedCreate")
    assert events(world, "FailedCreate")[0]["message"] == (
        'Error creating: pods "llama" is forbidden: exceeded quota: gpus'
    )
