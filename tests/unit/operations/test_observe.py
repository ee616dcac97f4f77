"""One look takes few requests, all at once, and goes on without what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.operations.small_world import REFUSED, START, Prom, World, exporter, replica, settle, workload
from vops.errors import Forbidden, NotFound, Rejected, Unavailable, Unreachable
from vops.model.objects import Meta, Ref
from vops.model.resources import DEPLOYMENTS, NODES, REPLICASETS, Node
from vops.model.snapshot import ClusterSnapshot, Source, SourceState
from vops.operations.observation.log_tails import MOST_PODS
from vops.operations.observation.observe import observe

POD = Ref("Pod", "r0", "serving")


async def look(world: World, **options: Any) -> ClusterSnapshot:
    """Runs a look to its end, moving time along while it waits."""
    looking = asyncio.create_task(observe(world.session, **options))
    for _ in range(400):
        await settle()
        if looking.done():
            break
        world.clock.move_to(world.clock.time() + 0.1)
    return await looking


async def test_a_look_at_a_pod_asks_each_thing_once() -> None:
    world = World().holding(replica("r0", restarts=1), replica("other", namespace="home"))
    snapshot = await look(world, target=POD)
    assert sorted(world.cluster.asked) == [
        "get pods r0",
        "list deployments serving",
        "list events default",
        "list events serving",
        "list nodes",
        "list pods",
        "list replicasets serving",
        "list statefulsets serving",
        "logs r0 vllm",
        "logs r0 vllm previous",
    ]
    assert len(snapshot.pods) == 2
    assert [(log.pod, log.previous) for log in snapshot.logs] == [("r0", False), ("r0", True)]
    assert world.engines.asked_pods() == ["r0", "r0"]
    assert {status.state for status in snapshot.sources} <= {SourceState.LIVE, SourceState.ABSENT}


async def test_rates_come_from_two_scrapes_a_window_apart() -> None:
    world = World().holding(replica("r0"))
    (found,) = (await look(world, target=POD, window_s=2.0)).samples
    assert found.latest is not None
    assert found.earlier is not None
    assert (found.latest.at - found.earlier.at).total_seconds() == pytest.approx(2.0, abs=0.11)
    assert (await look(world, target=POD, window_s=0.0)).samples[0].earlier is None


async def test_a_loading_replica_is_asked_once_and_delays_nothing() -> None:
    world = World().holding(replica("r0", ready=False))
    world.engines.failing["r0"] = REFUSED
    snapshot = await look(world, target=POD)
    assert world.engines.asked_pods() == ["r0"]
    assert world.clock.now() == START
    assert snapshot.source(Source.METRICS).state is SourceState.LOADING


async def test_the_exporter_of_the_pods_node_is_asked() -> None:
    world = World().holding(replica("r0", node="gpu-1"), exporter("near", "gpu-1"), exporter("far", "gpu-2"))
    snapshot = await look(world, target=POD)
    assert "far" not in world.engines.asked_pods()
    assert [gpu.node for gpu in snapshot.gpus] == ["gpu-1"]


async def test_a_look_without_logs_and_metrics_asks_for_neither() -> None:
    world = World().holding(replica("r0"))
    snapshot = await look(world, target=POD, logs=False, metrics=False)
    assert world.engines.asked == []
    assert not any(request.startswith("logs") for request in world.cluster.asked)
    assert snapshot.source(Source.LOGS).state is SourceState.ABSENT


async def test_a_fleets_logs_are_those_of_what_is_not_well() -> None:
    world = World().holding(replica("r0"), replica("r1", ready=False), replica("r2", running=False, restarts=4))
    snapshot = await look(world)
    assert {log.pod for log in snapshot.logs} == {"r1", "r2"}
    assert set(world.engines.asked_pods()) == {"r0", "r1"}


async def test_of_very_many_failing_pods_each_workload_is_heard_and_the_rest_is_told_of() -> None:
    """Pods that have never run take no room."""
    many = [replica(f"a{index}", ready=False, owner="ReplicaSet/a") for index in range(MOST_PODS + 3)]
    waiting = [replica(f"w{index}", ready=False, running=False) for index in range(MOST_PODS)]
    snapshot = await look(World().holding(*waiting, *many, replica("b", ready=False, owner="ReplicaSet/b")))
    read = {log.pod for log in snapshot.logs}
    assert "b" in read
    assert len(read) == MOST_PODS
    assert snapshot.source(Source.LOGS).detail == "the logs of 4 more pods were not read"


async def test_a_deployments_pods_are_found_through_its_replicasets() -> None:
    world = World().holding(replica("r0", owner="ReplicaSet/web-1"), replica("r1", owner="StatefulSet/web"))
    world.cluster.objects[DEPLOYMENTS.plural] = [workload("Deployment", "web")]
    world.cluster.objects[REPLICASETS.plural] = [workload("ReplicaSet", "web-1", owner="Deployment/web")]
    snapshot = await look(world, target=Ref("Deployment", "web", "serving"))
    assert {log.pod for log in snapshot.logs} == {"r0"}
    assert len(snapshot.pods) == 2


async def test_of_a_namespace_all_pods_stay_as_holders_of_resources() -> None:
    world = World().holding(replica("r0"), replica("r1", namespace="other"))
    snapshot = await look(world, namespace="serving")
    assert [bool(pod.spec.containers[1].command) for pod in snapshot.pods] == [True, False]
    assert [pod.spec.node_name for pod in snapshot.pods] == ["gpu-1", "gpu-1"]


# --- what is refused ---


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Forbidden("cannot list nodes", status=403), SourceState.DENIED),
        (NotFound("no such kind", status=404), SourceState.ABSENT),
        (Unavailable("too busy", status=503), SourceState.RETRYING),
    ],
)
async def test_a_failed_request_becomes_the_state_of_its_source(error: Exception, state: SourceState) -> None:
    world = World().holding(replica("r0"))
    world.cluster.broken["nodes"] = error
    snapshot = await look(world, target=POD)
    assert snapshot.source(Source.NODES).state is state
    assert snapshot.nodes == ()
    assert len(snapshot.samples) == 1


async def test_where_only_one_namespace_is_granted_its_pods_are_seen_and_that_is_said() -> None:
    world = World().holding(replica("r0"))
    world.cluster.denied = {("pods", "")}
    snapshot = await look(world, target=POD)
    status = snapshot.source(Source.PODS)
    assert (status.state, status.detail) == (SourceState.LIVE, "only namespace serving: cannot list pods")
    assert len(snapshot.pods) == 1


async def test_a_pod_that_may_be_read_but_not_listed_is_seen_alone() -> None:
    world = World().holding(replica("r0"))
    world.cluster.denied = {("pods", ""), ("pods", "serving")}
    snapshot = await look(world, target=POD)
    assert snapshot.source(Source.PODS).state is SourceState.DENIED
    assert [pod.metadata.name for pod in snapshot.pods] == ["r0"]


async def test_pods_that_cannot_be_read_at_all_end_the_look() -> None:
    world = World()
    world.cluster.denied = {("pods", ""), ("pods", "home")}
    with pytest.raises(Forbidden, match="cannot list pods"):
        await look(world)


@pytest.mark.parametrize("broken", [["pods"], ["pods", "nodes", "events"]])
async def test_a_server_that_does_not_answer_is_an_error_of_ours(broken: list[str]) -> None:
    world = World()
    world.cluster.broken = {plural: Unreachable("nothing answers") for plural in broken}
    with pytest.raises(Unreachable, match="nothing answers"):
        await look(world)


async def test_a_target_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound, match="r0"):
        await look(World(), target=POD)


LOGS = [
    (Forbidden("cannot get pods/log", status=403), SourceState.DENIED),
    (Rejected("previous terminated container not found", status=400), SourceState.ABSENT),
    (Unavailable("kubelet is gone", status=503), SourceState.RETRYING),
]


@pytest.mark.parametrize(("error", "state"), LOGS)
async def test_logs_that_cannot_be_read_say_why(error: Exception, state: SourceState) -> None:
    world = World().holding(replica("r0"))
    world.cluster.texts["r0", False] = error  # type: ignore[assignment]
    assert (await look(world, target=POD)).source(Source.LOGS).state is state


@pytest.mark.parametrize(("status", "read"), [(404, {True, False}), (400, {False})])
async def test_a_log_that_went_with_a_newer_death_is_asked_for_again(status: int, read: set[bool]) -> None:
    """A kubelet drops the log of the instance before when the present one ends; 400 says that there was none."""
    world = World().holding(replica("r0", restarts=3))
    world.cluster.texts["r0", True] = NotFound("unable to retrieve container logs for containerd://1", status=status)
    looking = asyncio.create_task(observe(world.session, target=POD, window_s=0))
    await settle()
    world.cluster.texts["r0", True] = "the newer one"
    world.clock.move_to(world.clock.time() + 2)
    assert {log.previous for log in (await looking).logs} == read


async def test_a_log_as_long_as_its_tail_is_marked_truncated() -> None:
    world = World().holding(replica("r0"), replica("r1"))
    world.cluster.texts["r0", False] = "line\n" * 2000
    assert (await look(world, target=POD)).logs[0].truncated


async def test_a_container_that_never_ran_has_no_log_to_ask_for() -> None:
    world = World().holding(replica("r0", running=False))
    await look(world, target=POD)
    assert not any(request.startswith("logs") for request in world.cluster.asked)


# --- the budget ---


async def test_a_look_at_a_fleet_keeps_to_the_budget() -> None:
    world = World().holding(*(replica(f"r{at}") for at in range(60)))
    snapshot = await look(world)
    assert len(snapshot.samples) == 60
    assert len(world.engines.asked) == 120
    assert (world.clock.now() - START).total_seconds() >= (120 - 4 * 25) / 25 - 0.2


async def test_every_replica_is_asked_once_before_any_is_asked_twice() -> None:
    world = World().holding(*(replica(f"r{at}") for at in range(200)))
    snapshot = await look(world)
    assert len(set(world.engines.asked_pods()[:200])) == 200
    assert (world.clock.now() - START).total_seconds() >= (200 - 4 * 25) / 25 - 0.2
    assert sum(found.latest is not None for found in snapshot.samples) == 200


async def test_what_the_budget_does_not_reach_in_time_has_no_rates_and_says_so() -> None:
    world = World().holding(*(replica(f"r{at}") for at in range(200)))
    world.engines.loads["r199"] = 7.0
    snapshot = await look(world)
    rated = [found.pod for found in snapshot.samples if found.earlier is not None]
    assert "r199" in rated
    assert 50 <= len(rated) <= 80
    status = snapshot.source(Source.METRICS)
    assert status.state is SourceState.LIVE
    assert status.detail.startswith(f"no rates of {200 - len(rated)} replicas: 25 scrapes/s")


async def test_prometheus_answers_for_a_fleet_that_the_budget_cannot_reach() -> None:
    def answer(_: str) -> list[Mapping[str, Any]]:
        return [
            {
                "metric": {"__name__": "vllm:num_requests_running", "namespace": "serving", "pod": f"r{at}"},
                "value": [START.timestamp(), "3"],
            }
            for at in range(99)
        ]

    prom = Prom(answer)
    world = World(metrics=prom).holding(*(replica(f"r{at}") for at in range(100)))
    snapshot = await look(world)
    assert set(world.engines.asked_pods()) == {"r99"}
    assert len(prom.queries) == 2
    assert len(snapshot.samples) == 100
    assert snapshot.source(Source.PROMETHEUS).state is SourceState.LIVE


async def test_nodes_are_part_of_a_look() -> None:
    world = World().holding(replica("r0"))
    world.cluster.objects[NODES.plural] = [Node(Meta("gpu-1"))]
    assert [node.metadata.name for node in (await look(world, target=POD)).nodes] == ["gpu-1"]
