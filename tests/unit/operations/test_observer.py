"""The observer knows at any time what a cluster last said, and how far that can be believed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.unit.operations.small_world import REFUSED, START, TIMED_OUT, Prom, World, exporter, replica, seconds
from vops.errors import Forbidden, Unavailable, UsageError
from vops.model.objects import Meta
from vops.model.pods import Pod
from vops.model.rates import rates
from vops.model.resources import EVENTS, NODES, PODS, Node
from vops.model.snapshot import ClusterSnapshot, EngineSamples, Source, SourceState
from vops.operations.observation.observer import Observer
from vops.settings import Settings


def samples_of(snapshot: ClusterSnapshot, pod: str = "r0") -> EngineSamples | None:
    return next((item for item in snapshot.samples if item.pod == pod), None)


async def test_a_pod_is_there_as_soon_as_the_cluster_tells_of_it() -> None:
    world = World()
    async with world.observed() as observer:
        seen = observer.revision
        world.cluster.tell(PODS, replica("r0"))
        assert await asyncio.wait_for(observer.wait(seen), 1) > seen
        assert [pod.metadata.name for pod in observer.snapshot().pods] == ["r0"]


async def test_the_first_pods_are_there_while_the_rest_is_listed_and_nothing_is_scraped_before() -> None:
    world = World().holding(replica("r0"), replica("r1"))
    world.cluster.first_page = (replica("r0"),)
    shown = asyncio.Event()
    async with world.observed(early=shown) as observer:
        await world.advance(3)
        assert observer.snapshot().source(Source.NODES).state is SourceState.LOADING
        shown.set()
        await world.advance(3)
        assert [pod.metadata.name for pod in observer.snapshot().pods] == ["r0"]
        assert observer.snapshot().source(Source.PODS).state is SourceState.LOADING
        assert observer.snapshot().source(Source.NODES).state is SourceState.LIVE
        assert world.engines.asked == []
        world.cluster.listed.set()
        await world.advance(1)
        assert [pod.metadata.name for pod in observer.snapshot().pods] == ["r0", "r1"]
        assert set(world.engines.asked_pods()) == {"r0", "r1"}


async def test_who_wants_everything_sees_no_part_of_a_list() -> None:
    world = World().holding(replica("r0"), replica("r1"))
    world.cluster.first_page = (replica("r0"),)
    async with world.observed() as observer:
        await world.advance(1)
        assert observer.snapshot().pods == ()


async def test_pods_of_servers_press_and_numbers_and_other_pods_do_not() -> None:
    world = World().holding(replica("r0"))
    async with world.observed() as observer:
        await world.advance(5)
        seen, revision = observer.pressing, observer.revision
        await world.advance(5)
        world.cluster.tell(PODS, Pod(metadata=Meta(name="web", namespace="serving")))
        await world.advance(0.1)
        assert observer.revision > revision
        assert observer.pressing == seen
        world.cluster.tell(PODS, replica("r0", ready=False))
        assert await asyncio.wait_for(observer.press(seen), 1) == seen + 1


async def test_replicas_that_run_are_scraped_and_have_rates_of_a_steady_window() -> None:
    world = World().holding(replica("r0"))
    async with world.observed() as observer:
        await world.advance(12)
        found = samples_of(observer.snapshot())
        assert found is not None
        assert found.latest is not None
        assert found.earlier is not None
        assert 5 <= (found.latest.at - found.earlier.at).total_seconds() < 8
        assert rates(found.earlier, found.latest).tokens_per_s == pytest.approx(100)


NOT_SCRAPED = {
    "waiting": replica("p", running=False),
    "headless worker": replica("p", command=("vllm", "serve", "m", "--headless")),
    "something else": replica("p", command=("vllm", "bench", "serve")),
}


@pytest.mark.parametrize("pod", NOT_SCRAPED.values(), ids=NOT_SCRAPED.keys())
async def test_only_running_servers_are_scraped(pod: Pod) -> None:
    world = World().holding(pod)
    async with world.observed() as observer:
        await world.advance(3)
        assert world.engines.asked == []
        assert observer.snapshot().source(Source.METRICS).state is SourceState.ABSENT


async def test_exporters_are_asked_on_the_nodes_of_replicas_only() -> None:
    world = World().holding(replica("r0", node="gpu-1"), exporter("near", "gpu-1"), exporter("far", "gpu-2"))
    async with world.observed() as observer:
        await world.advance(1)
        assert set(world.engines.asked_pods()) == {"r0", "near"}
        snapshot = observer.snapshot()
        assert [(gpu.node, gpu.pod) for gpu in snapshot.gpus] == [("gpu-1", "r0")]
        assert snapshot.source(Source.DCGM).state is SourceState.LIVE


# --- the budget ---


async def test_scrapes_stay_within_the_budget_and_forget_nobody() -> None:
    world = World().holding(*(replica(f"r{at}") for at in range(200)))
    async with world.observed() as observer:
        await world.advance(20)
        assert len(world.engines.asked) <= 25 * 20 + 25
        assert len(set(world.engines.asked_pods())) == 200
        assert observer.cost()[1] == pytest.approx(25, abs=1)


async def test_what_is_visible_or_not_well_is_scraped_first() -> None:
    world = World().holding(*(replica(f"r{at}", ready=at != 150) for at in range(200)))
    async with world.observed() as observer:
        await world.advance(20)
        observer.focus({("serving", f"r{at}") for at in range(100, 110)})
        before = world.clock.time() - START.timestamp()
        await world.advance(20)
        counts = Counter(world.engines.asked_pods(before))
        wanted = [counts[f"r{at}"] for at in (*range(100, 110), 150)]
        assert min(wanted) >= 8
        assert max(counts[f"r{at}"] for at in range(100)) <= 3


async def test_direct_addresses_have_no_budget() -> None:
    world = World(Settings(direct=True)).holding(*(replica(f"r{at}") for at in range(100)))
    async with world.observed():
        await world.advance(10)
        assert min(Counter(world.engines.asked_pods()).values()) >= 4


async def test_later_scrapes_of_a_fleet_are_spread_over_the_interval() -> None:
    world = World(Settings(direct=True)).holding(*(replica(f"r{at}") for at in range(60)))
    async with world.observed():
        await world.advance(10)
        ticks = Counter(round(at, 1) for at, _ in world.engines.asked if at > 4)
        assert max(ticks.values()) <= 6


async def test_a_hung_replica_keeps_nobody_else_from_being_scraped() -> None:
    world = World().holding(replica("r0"), replica("r1"))
    world.engines.hung.add("r0")
    async with world.observed():
        await world.advance(10)
        counts = Counter(world.engines.asked_pods())
        assert counts["r0"] == 1
        assert counts["r1"] >= 4


def fleet_vector(count: int, age_s: float) -> list[Mapping[str, Any]]:
    at = START.timestamp() + 1
    found: list[Mapping[str, Any]] = []
    for index in range(count):
        labels = {"namespace": "serving", "pod": f"r{index}", "engine": "0", "model_name": "llama"}
        found.append({"metric": {"__name__": "vllm:num_requests_running", **labels}, "value": [at, "7"]})
        found.append({"metric": {"vops_scraped_at": "yes", **labels}, "value": [at, str(at - age_s)]})
    return found


async def test_prometheus_answers_for_the_replicas_beyond_the_budget_in_one_query() -> None:
    prom = Prom(lambda _: fleet_vector(300, age_s=5))
    world = World(metrics=prom).holding(*(replica(f"r{at}") for at in range(300)))
    async with world.observed() as observer:
        await world.advance(2)
        snapshot = observer.snapshot()
        assert len(prom.queries) == 1
        assert len(snapshot.samples) == 300
        assert samples_of(snapshot, "r299").latest.at == START + seconds(-4)  # type: ignore[union-attr]
        assert snapshot.source(Source.PROMETHEUS).state is SourceState.LIVE


async def test_with_budget_enough_prometheus_is_only_asked_whether_it_is_there() -> None:
    def refuses(_: str) -> Sequence[Mapping[str, Any]]:
        raise Unavailable("no Prometheus answers")

    prom = Prom(refuses)
    world = World(metrics=prom).holding(replica("r0"), exporter("near", "gpu-1"))
    async with world.observed() as observer:
        await world.advance(16)
        assert prom.queries[1:] == ["vector(1)"]
        status = observer.snapshot().source(Source.PROMETHEUS)
        assert (status.state, status.detail) == (SourceState.RETRYING, "no Prometheus answers")


# --- what can be believed ---


async def test_a_loading_server_that_refuses_is_no_error() -> None:
    world = World().holding(replica("r0", ready=False))
    world.engines.failing["r0"] = REFUSED
    async with world.observed() as observer:
        await world.advance(30)
        snapshot = observer.snapshot()
        found = samples_of(snapshot)
        assert found is None or (found.error, found.latest) == ("", None)
        assert snapshot.source(Source.METRICS).state is SourceState.LOADING
        assert len(world.engines.asked) <= 6


async def test_a_replica_that_becomes_ready_is_asked_at_once() -> None:
    world = World().holding(replica("r0", ready=False))
    world.engines.failing["r0"] = REFUSED
    async with world.observed() as observer:
        await world.advance(30)
        del world.engines.failing["r0"]
        world.cluster.tell(PODS, replica("r0"))
        await world.advance(0.2)
        assert samples_of(observer.snapshot()).latest is not None  # type: ignore[union-attr]


async def test_a_serving_replica_that_stops_answering_keeps_its_data_and_turns_stale() -> None:
    world = World().holding(replica("r0"), replica("r1"))
    async with world.observed() as observer:
        await world.advance(5)
        world.engines.failing["r0"] = TIMED_OUT
        await world.advance(5)
        failing = samples_of(observer.snapshot())
        assert failing is not None
        assert "in time" in failing.error
        assert not failing.stale
        await world.advance(15)
        stale = samples_of(observer.snapshot())
        assert stale is not None
        assert stale.latest is not None
        assert stale.stale
        assert not samples_of(observer.snapshot(), "r1").stale  # type: ignore[union-attr]


async def test_turning_stale_is_a_change() -> None:
    world = World().holding(replica("r0"))
    async with world.observed() as observer:
        await world.advance(3)
        world.engines.hung.add("r0")
        await world.advance(10)
        seen = observer.revision
        await world.advance(10)
        assert observer.revision > seen
        assert samples_of(observer.snapshot()).stale  # type: ignore[union-attr]


async def test_a_proxy_that_is_not_granted_denies_metrics_only() -> None:
    world = World().holding(replica("r0"))
    world.engines.failing["r0"] = Forbidden("cannot get pods/proxy", status=403, hint="ask for the role")
    async with world.observed() as observer:
        await world.advance(3)
        snapshot = observer.snapshot()
        status = snapshot.source(Source.METRICS)
        assert (status.state, status.detail) == (SourceState.DENIED, "cannot get pods/proxy (ask for the role)")
        assert snapshot.source(Source.PODS).state is SourceState.LIVE


async def test_a_restart_voids_what_the_earlier_process_said() -> None:
    world = World().holding(replica("r0"))
    async with world.observed() as observer:
        await world.advance(6)
        world.engines.failing["r0"] = REFUSED
        world.cluster.tell(PODS, replica("r0", ready=False, restarts=1))
        await world.advance(1)
        found = samples_of(observer.snapshot())
        assert found is None or found.latest is None


async def test_what_a_deleted_pod_said_goes_with_it() -> None:
    world = World().holding(replica("r0"), replica("r1"))
    async with world.observed() as observer:
        await world.advance(3)
        world.cluster.tell(PODS, replica("r0"), deleted=True)
        await world.advance(3)
        snapshot = observer.snapshot()
        assert [pod.metadata.name for pod in snapshot.pods] == ["r1"]
        assert [item.pod for item in snapshot.samples] == ["r1"]


async def test_an_answer_that_comes_after_its_pod_is_gone_is_not_kept() -> None:
    world = World().holding(replica("r0"))
    world.engines.hung.add("r0")
    async with world.observed() as observer:
        await world.advance(1)
        world.cluster.tell(PODS, replica("r0"), deleted=True)
        await world.advance(1)
        assert observer.snapshot().samples == ()


# --- sources ---


async def test_a_denied_source_disables_itself_only() -> None:
    world = World().holding(replica("r0"))
    world.cluster.denied = {("nodes", "")}
    async with world.observed() as observer:
        await world.advance(1)
        snapshot = observer.snapshot()
        assert snapshot.source(Source.NODES).state is SourceState.DENIED
        assert snapshot.source(Source.EVENTS).state is SourceState.LIVE
        assert len(snapshot.samples) == 1


async def test_where_only_one_namespace_is_granted_it_is_watched_and_said() -> None:
    world = World().holding(replica("r0", namespace="home"))
    world.cluster.denied = {("pods", "")}
    async with world.observed() as observer:
        await world.advance(1)
        snapshot = observer.snapshot()
        assert [pod.metadata.name for pod in snapshot.pods] == ["r0"]
        assert "only namespace home" in snapshot.source(Source.PODS).detail


async def test_a_failing_source_retries_then_turns_stale_and_keeps_its_data() -> None:
    world = World().holding(replica("r0"))
    async with world.observed() as observer:
        await world.advance(1)
        world.cluster.say(PODS, SourceState.RETRYING, at=world.clock.now())
        await world.advance(5)
        assert observer.snapshot().source(Source.PODS).state is SourceState.RETRYING
        await world.advance(15)
        snapshot = observer.snapshot()
        assert snapshot.source(Source.PODS).state is SourceState.STALE
        assert len(snapshot.pods) == 1


async def test_a_source_that_breaks_unforeseen_is_shown_and_taken_up_again() -> None:
    world = World()
    world.cluster.broken["nodes"] = RuntimeError("what?")
    async with world.observed() as observer:
        await world.advance(1)
        status = observer.snapshot().source(Source.NODES)
        assert (status.state, status.detail) == (SourceState.RETRYING, "RuntimeError: what?")
        world.cluster.tell(NODES, Node(Meta("gpu-1", uid="n")))
        await world.advance(6)
        assert observer.snapshot().source(Source.NODES).state is SourceState.LIVE


async def test_a_live_source_is_current_and_watches_are_counted() -> None:
    world = World()
    async with world.observed() as observer:
        await world.advance(60)
        assert observer.snapshot().source(Source.EVENTS).at == world.clock.now()
        assert observer.cost()[0] == 9
        assert observer.snapshot().server_version == "v1.36.3"


async def test_who_is_gentle_does_not_watch_services() -> None:
    world = World(Settings(gentle=True))
    async with world.observed() as observer:
        await world.advance(60)
        assert observer.cost()[0] == 8
        assert observer.snapshot().source(Source.SERVICES).at is None


# --- scope and cost ---


async def test_pods_out_of_scope_stay_as_holders_of_resources_only() -> None:
    world = World().holding(
        replica("r0", labels={"app": "a"}), replica("r1", labels={"app": "b"}), replica("r2", namespace="other")
    )
    async with world.observed(namespace="serving", selector="app=a") as observer:
        await world.advance(3)
        assert set(world.engines.asked_pods()) == {"r0"}
        snapshot = observer.snapshot()
        assert [bool(pod.spec.containers[-1].image) for pod in snapshot.pods] == [True, False, False]
        assert f"watch {EVENTS.plural} serving" in world.cluster.asked


def test_a_selector_that_cannot_be_read_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="not a label selector"):
        Observer(World().session, selector="app in (")


async def test_a_snapshot_of_a_thousand_pods_takes_less_than_two_milliseconds() -> None:
    world = World(Settings(scrape_budget_per_s=0)).holding(*(replica(f"r{at}") for at in range(1_000)))
    async with world.observed() as observer:
        await world.advance(1)
        best = 1.0
        for at in range(10):
            world.cluster.tell(PODS, replica(f"r{at}", ready=False))
            await world.advance(0)
            begun = time.perf_counter()
            observer.snapshot()
            best = min(best, time.perf_counter() - begun)
        assert best < 0.002


async def test_what_comes_in_is_counted_over_the_last_ten_seconds() -> None:
    world = World()
    async with world.observed() as observer:
        assert observer.cost().bytes_per_s is None
        for _ in range(12):
            observer._session.meter.add(5_000)
            await world.advance(1)
        assert observer.cost().bytes_per_s == pytest.approx(5_000, rel=0.01)
        await world.advance(12)
        assert observer.cost().bytes_per_s == 0
