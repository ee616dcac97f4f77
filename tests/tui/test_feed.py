"""Pictures: made when there is news, off the loop, with verdicts and logs of what does not serve."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from tests.tui import builders
from tests.tui.conftest import GATED
from tests.unit.diagnosis import cluster_parts as parts
from tests.unit.diagnosis.scaling_parts import service
from vops.model.snapshot import ClusterSnapshot, Source, SourceState, SourceStatus
from vops.operations.observation.log_peek import LogPeek
from vops.render.fleet_rows import ReplicaRow
from vops.render.fleet_table import cursor_line
from vops.render.text import plain
from vops.tui.feed import Feed, Painter, Picture


class Publisher:
    """Collects pictures and the thread that they were made in."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.came = asyncio.Event()

    def __call__(self, picture: Picture) -> None:
        self.pictures.append(picture)
        self.came.set()

    async def next(self) -> Picture:
        self.came.clear()
        await asyncio.wait_for(self.came.wait(), 10)
        return self.pictures[-1]


def feed_of(observer: builders.StubObserver, publish: Publisher) -> Feed:
    cluster: Any = builders.StubCluster()
    clock = builders.FrozenClock()
    return Feed(observer, LogPeek(cluster, clock), clock, publish)


async def test_news_becomes_a_picture_and_the_joining_is_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    plain = Painter.picture

    def picture(self: Painter, snapshot: ClusterSnapshot) -> Picture:
        threads.append(threading.current_thread())
        return plain(self, snapshot)

    monkeypatch.setattr(Painter, "picture", picture)
    observer, publish = builders.StubObserver(), Publisher()
    task = asyncio.create_task(feed_of(observer, publish).run())
    await publish.next()
    observer.show(builders.fleet_snapshot())
    while not (await publish.next()).view.replicas:
        pass
    task.cancel()
    assert threading.main_thread() not in threads


async def test_what_presses_is_painted_before_the_second_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vops.tui.feed.LONGEST_PAUSE_S", 3600.0)
    observer, publish = builders.StubObserver(builders.fleet_snapshot()), Publisher()
    task = asyncio.create_task(feed_of(observer, publish).run())
    while not (await publish.next()).view.replicas:
        pass
    observer.show(builders.with_pods(builders.fleet_snapshot(), ()))
    while (await publish.next()).view.replicas:
        pass
    task.cancel()


def test_a_first_part_of_the_pods_is_neither_judged_nor_remembered() -> None:
    whole = builders.fleet_snapshot()
    loading = SourceStatus(Source.PODS, SourceState.LOADING)
    others = tuple(item for item in whole.sources if item.source is not Source.PODS)
    painter = Painter()
    part = painter.picture(msgspec.structs.replace(whole, pods=whole.pods[-3:], sources=(loading, *others)))
    assert part.view.partial
    assert len(part.view.replicas) == 3
    assert all(row.findings is None for row in part.view.replicas)
    assert not painter.ring.frames
    assert not painter.picture(whole).view.partial
    assert painter.ring.frames


async def test_what_does_not_serve_is_peeked_into_so_that_the_fleet_can_say_why() -> None:
    observer, publish = builders.StubObserver(builders.fleet_snapshot()), Publisher()
    task = asyncio.create_task(feed_of(observer, publish).run())
    for _ in range(100):
        row = next(row for row in (await publish.next()).view.replicas if row.pod == GATED)
        if row.cause == "gated-model":
            break
    task.cancel()
    assert row.cause == "gated-model"


def test_a_verdict_is_made_again_only_when_something_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def diagnose(facts: Any, ref: Any) -> Any:
        asked.append(ref.name)
        return builders.fix_plan(ref).report

    monkeypatch.setattr("vops.tui.feed.diagnose", diagnose)
    painter, snapshot = Painter(), builders.fleet_snapshot()
    painter.picture(snapshot)
    painter.picture(snapshot)
    assert sorted(asked) == [GATED, "mixtral-6f9c4-4hnvq"]
    painter.picture(builders.with_log(snapshot, GATED, "something new"))
    assert asked[2:] == [GATED]


async def test_many_that_fail_at_once_are_diagnosed_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vops.tui.feed.LONGEST_PAUSE_S", 3600.0)
    monkeypatch.setattr("vops.tui.feed.VERDICTS_A_ROUND", 1)
    observer, publish = builders.StubObserver(builders.fleet_snapshot()), Publisher()
    task = asyncio.create_task(feed_of(observer, publish).run())
    while sum(row.findings is not None for row in (await publish.next()).view.replicas) < 2:
        pass
    task.cancel()


def test_the_past_holds_one_entry_a_scrape_and_forgets_what_has_gone() -> None:
    painter, snapshot = Painter(), builders.fleet_snapshot()
    key = "uid-qwen3-8b-6f9c4-k2x8p"
    for _ in range(3):
        picture = painter.picture(snapshot)
    assert len(picture.history(key).kv_usage) == 1
    later = msgspec.structs.replace(snapshot, pods=())
    assert painter.picture(later).history(key).kv_usage == ()


def test_a_ready_server_that_its_service_leads_past_is_told_until_the_service_is_mended() -> None:
    labels = {"labels": {"app": "llama", "tier": "prod"}}
    painter = Painter()

    def seen(target: int) -> tuple[ReplicaRow, ...]:
        way = service(ports=[{"port": 80, "targetPort": target}])
        facts = parts.world(parts.ready(metadata=labels), parts.node(), way)
        return painter.picture(facts.snapshot).view.replicas

    (row,) = seen(9999)
    assert (row.unreached, row.cause, row.findings) == (True, "service-mismatch", 1)
    assert "where nothing listens" in plain([cursor_line(row)])
    (row,) = seen(8000)
    assert (row.unreached, row.findings) == (False, None)
