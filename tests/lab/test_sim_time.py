"""The lab's time: nothing happens by itself, and everything happens again the same way."""

from __future__ import annotations

import asyncio

from tests.conftest import StartLab
from tests.lab.simulation import create, llama, metrics, run, world_with
from vops.lab.clock import LabClock
from vops.lab.timeline import Timeline
from vops.lab.world import Lab


async def test_a_sleeper_wakes_when_the_clock_is_moved_past_it() -> None:
    clock = LabClock()
    sleeper = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    clock.move_to(clock.time() + 4.9)
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.move_to(clock.time() + 0.2)
    await asyncio.wait_for(sleeper, 1)


def test_timers_run_in_order_of_time_and_then_of_planning() -> None:
    seen: list[str] = []
    timeline = Timeline()
    timeline.at(2, lambda: seen.append("late"))
    timeline.at(1, lambda: seen.append("first"))
    timeline.at(1, lambda: seen.append("second"))
    timeline.at(1, lambda: seen.append("never")).cancel()
    while timer := timeline.pop_due(3):
        timer.action()
    assert seen == ["first", "second", "late"]


async def test_advancing_lets_others_act_at_the_moments_that_they_sleep_for(start_lab: StartLab) -> None:
    lab = await start_lab("healthy")
    moments: list[float] = []

    async def look_every_ten_seconds() -> None:
        for _ in range(3):
            await lab.clock.sleep(10)
            moments.append(lab.clock.time())

    begun = lab.clock.time()
    task = asyncio.create_task(look_every_ten_seconds())
    await asyncio.sleep(0)
    await lab.advance(35)
    await task
    assert [moment - begun for moment in moments] == [10, 20, 30]


async def test_the_same_seed_gives_the_same_world(start_lab: StartLab) -> None:
    first, second, other = [await start_lab("probe-kill", seed=seed) for seed in (1, 1, 2)]

    def everything(lab: Lab) -> list[object]:
        return [lab.store.list(kind.api_version, kind.kind) for kind in lab.store.catalog]

    assert everything(first) == everything(second)
    assert everything(first) != everything(other)


def test_who_looks_at_an_engine_does_not_change_it() -> None:
    pages: list[bytes] = []
    for look_every_s in (7, 70):
        world = world_with()
        create(world, llama())
        for _ in range(210 // look_every_s):
            run(world, look_every_s)
            seen = metrics(world)
        pages.append(seen)
    assert pages[0] == pages[1]
    assert b"vllm:num_requests_running" in pages[0]


async def test_a_lab_without_a_clock_follows_real_time_as_fast_as_it_is_told() -> None:
    lab = await Lab.start("untolerated-taint", speed=2000.0)
    try:
        begun = lab.clock.time()
        while lab.clock.time() < begun + 60:
            await asyncio.wait_for(lab.world.stepped(), 5)
    finally:
        await lab.stop()


async def test_a_write_is_acted_upon_at_once_although_time_stands_still(start_lab: StartLab) -> None:
    lab = await start_lab("healthy")
    before = len(lab.store.list("v1", "Pod", "inference"))
    changed = dict(lab.store.get("apps/v1", "Deployment", "inference", "qwen3-14b"))
    lab.store.update(changed | {"spec": changed["spec"] | {"replicas": 3}})
    await asyncio.sleep(0)
    assert len(lab.store.list("v1", "Pod", "inference")) == before + 1
