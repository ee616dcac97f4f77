"""A copied world is the one that it was copied from: it goes on as that does, and what is done to one stays in it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.lived import Copies, Lived
from vops.lab.clock import TESTS_BEGIN
from vops.lab.documents import Document, key_of
from vops.lab.engine.server import VllmServer
from vops.lab.kinds import BUILTIN
from vops.lab.scenarios import Scenario, scenario_named
from vops.lab.world import World, lived_in

SCENARIOS = ("healthy", "rollout-deadlock", "blind-autoscaler", "gpu-lost", "probe-kill")
LATER_S = 120.0


def made(scenario: str) -> World:
    return lived_in(scenario_named(scenario), TESTS_BEGIN, 0)


def objects(world: World) -> list[Document]:
    return [item for kind in BUILTIN for item in world.store.list(kind.api_version, kind.kind)]


def engines(world: World) -> list[VllmServer]:
    processes = [unit.process for worker in world.kubelet.workers for unit in worker.units]
    return [process for process in processes if isinstance(process, VllmServer) and process.serving is not None]


def everything(world: World) -> tuple[object, ...]:
    """What anybody can see of a world, after a while."""
    world.run_until(TESTS_BEGIN.timestamp() + LATER_S)
    pages = [engine.metrics() for engine in engines(world)]
    units = [unit for worker in world.kubelet.workers for unit in worker.units]
    logs = [unit.output.until(world.now) for unit in units if unit.output is not None]
    return objects(world), pages, logs, world.store.revision


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_copies_go_on_as_the_original_does_and_apart_from_each_other(scenario: str) -> None:
    original = made(scenario)
    copies = Copies(original)
    one, other = copies.one(), copies.one()
    for pod in one.store.list("v1", "Pod"):
        one.store.delete("v1", "Pod", *key_of(pod), grace_period_s=0)
    changed, wanted = everything(one), everything(original)
    assert objects(original)
    assert changed != wanted
    assert everything(other) == wanted
    assert everything(copies.one()) == wanted


def test_labs_of_one_beginning_are_lived_through_once() -> None:
    lived: list[str] = []

    def live(scenario: Scenario, now: datetime, seed: int) -> World:
        lived.append(f"{scenario.name} {seed}")
        return lived_in(scenario, now, seed)

    make, scenario = Lived(live), scenario_named("untolerated-taint")
    worlds = [make(scenario, TESTS_BEGIN, seed) for seed in (0, 0, 1)]
    assert len({id(world.store) for world in worlds}) == len(worlds)
    assert lived == ["untolerated-taint 0", "untolerated-taint 1"]
    make(scenario, TESTS_BEGIN + timedelta(days=1), 0)
    assert len(lived) == 3
