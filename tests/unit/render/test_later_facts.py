"""Facts and rows that take over what has not changed say the same as those made from nothing, whatever happens."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.tui import builders
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts, Replica
from vops.model.objects import Condition, OwnerReference
from vops.model.pods import ContainerState, Pod, Running, Terminated
from vops.model.snapshot import ClusterSnapshot, Source, SourceState, SourceStatus
from vops.render import fleet_facts
from vops.render.fleet_facts import RowMemory, fleet_view
from vops.render.fleet_rows import ReplicaRow, Verdict
from vops.tui.feed import Painter

T = TypeVar("T")
Change = Callable[[ClusterSnapshot, int], ClusterSnapshot]
DERIVED = (
    "state",
    "ref",
    "args",
    "gpu_count",
    "gpu_product",
    "model",
    "rates",
    "events",
    "status",
    "owner",
    "workload",
)


def _put(items: tuple[T, ...], place: int, item: T) -> tuple[T, ...]:
    place %= len(items)
    return (*items[:place], item, *items[place + 1 :])


def _with_pod(seen: ClusterSnapshot, which: int, change: Callable[[Pod], Pod]) -> ClusterSnapshot:
    if not seen.pods:
        return seen
    return replace(seen, pods=_put(seen.pods, which, change(seen.pods[which % len(seen.pods)])))


def _readiness(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    def change(pod: Pod) -> Pod:
        ready = not pod.status.container_statuses[:1] or not pod.status.container_statuses[0].ready
        statuses = tuple(replace(item, ready=ready) for item in pod.status.container_statuses)
        condition = Condition("Ready", str(ready), last_transition_time=seen.at)
        others = tuple(item for item in pod.status.conditions if item.type != "Ready")
        return replace(pod, status=replace(pod.status, conditions=(*others, condition), container_statuses=statuses))

    return _with_pod(seen, which, change)


def _restart(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    died = ContainerState(terminated=Terminated(137, reason="OOMKilled", finished_at=seen.at))
    now = ContainerState(running=Running(seen.at))

    def change(pod: Pod) -> Pod:
        statuses = tuple(
            replace(item, state=now, last_state=died, restart_count=item.restart_count + 1)
            for item in pod.status.container_statuses
        )
        return replace(pod, status=replace(pod.status, container_statuses=statuses))

    return _with_pod(seen, which, change)


def _relabel(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    return _with_pod(seen, which, lambda pod: replace(pod, metadata=replace(pod.metadata, labels={})))


def _delete(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    return replace(seen, pods=tuple(pod for place, pod in enumerate(seen.pods) if place != which % len(seen.pods)))


def _create(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    name = f"qwen3-8b-6f9c4-new{which:02d}"
    if any(pod.metadata.name == name for pod in seen.pods):
        return seen
    return replace(seen, pods=(*seen.pods, builders.pod(name, on="gpu-b-2", ready=bool(which % 2))))


def _scrape(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    if not seen.pods:
        return seen
    pod = seen.pods[which % len(seen.pods)]
    scraped = builders.samples(pod, kv=which / 40, running=which)
    if scraped.latest is not None:
        scraped = replace(scraped, latest=replace(scraped.latest, at=seen.at), stale=which % 5 == 0)
        scraped = replace(scraped, error="" if which % 4 else "refused")
    others = tuple(item for item in seen.samples if item.pod != pod.metadata.name)
    return replace(seen, samples=(*others, scraped))


def _heat(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    if not seen.gpus:
        return seen
    gpu = seen.gpus[which % len(seen.gpus)]
    return replace(seen, gpus=_put(seen.gpus, which, replace(gpu, at=seen.at, utilisation=which / 40)))


def _node(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    number = which % len(builders.GPU_NODES)
    product = "NVIDIA-L4" if which % 2 else "NVIDIA-H100-80GB-HBM3"
    return replace(seen, nodes=_put(seen.nodes, number, builders.node(builders.GPU_NODES[number], product)))


def _scale(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    changed = replace(seen.deployments[0], spec=replace(seen.deployments[0].spec, replicas=which % 5))
    return replace(seen, deployments=_put(seen.deployments, 0, changed))


def _adopt(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    """A ReplicaSet gets another Deployment."""
    adopted, parent = seen.replicasets[which % 5], seen.deployments[which % 4].metadata
    owner = OwnerReference("Deployment", parent.name, parent.uid, "apps/v1", controller=True)
    adopted = replace(adopted, metadata=replace(adopted.metadata, owner_references=(owner,)))
    return replace(seen, replicasets=_put(seen.replicasets, which, adopted))


def _without_probe(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    """A server that is Ready from its first moment, so that its restarts say whether it is."""

    def change(pod: Pod) -> Pod:
        containers = tuple(replace(item, startup_probe=None) for item in pod.spec.containers)
        return replace(pod, spec=replace(pod.spec, containers=containers))

    return _with_pod(seen, which, change)


def _event(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    if not seen.pods:
        return seen
    said = "Startup probe failed: HTTP probe failed with statuscode: 404"
    about = seen.pods[which % len(seen.pods)]
    return replace(seen, events=(*seen.events, builders.event(about, "Unhealthy", said, seen=-which)))


def _log(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    if not seen.pods:
        return seen
    name = seen.pods[which % len(seen.pods)].metadata.name
    kept = replace(seen, logs=tuple(log for log in seen.logs if log.pod != name))
    return builders.with_log(kept, name, builders.LOG)


def _wait(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    return replace(seen, at=seen.at + timedelta(seconds=which**2))


def _source(seen: ClusterSnapshot, which: int) -> ClusterSnapshot:
    state = SourceState.RETRYING if which % 2 else SourceState.LIVE
    others = tuple(item for item in seen.sources if item.source is not Source.PODS)
    return replace(seen, sources=(*others, SourceStatus(Source.PODS, state, seen.at)))


CHANGES: tuple[Change, ...] = (
    _readiness, _restart, _relabel, _delete, _create, _scrape, _heat, _node, _scale, _adopt, _without_probe, _event,
    _log, _wait, _source,
)  # fmt: skip
RESTARTED = 8
"""Ready, but in name only: it has just been started for the third time."""
STEPS = st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 39)), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(STEPS)
@example([(_wait, 1), (_scrape, RESTARTED + 9), (_scrape, RESTARTED)])
def test_facts_and_rows_are_those_that_are_made_from_nothing(steps: list[tuple[Change, int]]) -> None:
    seen, memory = _restart(_without_probe(builders.fleet_snapshot(), RESTARTED), RESTARTED), RowMemory()
    before = Facts(seen)
    fleet_view(before, memory=memory)
    for change, which in steps:
        seen = change(seen, which)
        later, anew = Facts(seen, before), Facts(seen)
        verdicts = {f"uid-qwen3-8b-6f9c4-{end}": Verdict(which, "cause", "said") for end in ("k2x8p", "new01")}
        assert fleet_view(later, verdicts, memory) == fleet_view(anew, verdicts)
        assert [[getattr(item, name) for name in DERIVED] for item in later.replicas] == [
            [getattr(item, name) for name in DERIVED] for item in anew.replicas
        ]
        assert (later.nodes, later.pods) == (anew.nodes, anew.pods)
        before = later
    for replica in anew.replicas:
        assert diagnose(later, replica.ref) == diagnose(anew, replica.ref)


def test_what_has_not_changed_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    plain = builders.fleet_snapshot()
    painter = Painter()
    first = painter.picture(plain)

    def row(replica: Replica, *arguments: Any, **named: Any) -> ReplicaRow:
        made.append(replica.name)
        return original(replica, *arguments, **named)

    original = fleet_facts.replica_row
    monkeypatch.setattr(fleet_facts, "replica_row", row)
    later = painter.picture(_wait(_scrape(plain, 1), 1))
    unsettled = {row.pod for row in first.view.replicas if row.state != "ready"}
    assert set(made) == unsettled | {plain.pods[1].metadata.name}
    ages = zip(first.view.replicas, later.view.replicas, strict=True)
    assert all(after.age_s == 1 + (before.age_s or 0) for before, after in ages)


def test_facts_do_not_hold_on_to_those_before_them() -> None:
    seen = builders.fleet_snapshot()
    first = Facts(seen)
    fleet_view(first)
    gone = weakref.ref(first)
    later = Facts(_wait(seen, 1), first)
    fleet_view(later)
    del first
    gc.collect()
    assert gone() is None
    assert later.replicas
