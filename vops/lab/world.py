"""The simulated world: one store, one time line, and the controllers that keep the cluster moving.

A world runs in virtual time. Controllers notice changes in the store and act on them at once (`settle`), or plan
something for later (`after`); nothing in a world waits for real time, and nothing depends on who looks at it.
A `Lab` gives a world its scenario with its past, an API server, and a clock that moves by itself or by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from vops.lab.admission import Admission
from vops.lab.chance import chance
from vops.lab.clock import LabClock
from vops.lab.cloud import Cloud
from vops.lab.controllers.attachments import Attachments
from vops.lab.controllers.autoscaler import ClusterAutoscaler
from vops.lab.controllers.base import Controller
from vops.lab.controllers.daemonset import DaemonSetController
from vops.lab.controllers.deployment import DeploymentController
from vops.lab.controllers.endpoints import EndpointSliceController
from vops.lab.controllers.garbage import GarbageCollector
from vops.lab.controllers.hpa import HpaController
from vops.lab.controllers.job import JobController
from vops.lab.controllers.keda import Keda
from vops.lab.controllers.kubelet import Kubelet
from vops.lab.controllers.nodelife import NodeLifecycle
from vops.lab.controllers.quota import QuotaController
from vops.lab.controllers.replicaset import ReplicaSetController
from vops.lab.controllers.scheduler import Scheduler
from vops.lab.controllers.statefulset import StatefulSetController
from vops.lab.controllers.volumes import VolumeController
from vops.lab.documents import Change
from vops.lab.engine.hub import Hub
from vops.lab.engine.traffic import TrafficControl
from vops.lab.machine import Disk
from vops.lab.monitoring.prometheus import Prometheus
from vops.lab.pods import PodLogs, PodNetwork
from vops.lab.recorder import EventLog
from vops.lab.registry import Registry
from vops.lab.scenarios import Scenario, scenario_named
from vops.lab.server import LabServer
from vops.lab.store import Store
from vops.lab.timeline import Timeline, Timer

_STEP_S = 0.2
_SHORTEST_S = 0.02
_ROUNDS = 10_000
"""More rounds than this without coming to rest means two controllers fight each other."""


class World:
    """Everything that is simulated: the store's objects and what is behind them."""

    def __init__(self, clock: LabClock, *, seed: int = 0) -> None:
        self.clock = clock
        self.seed = seed
        self.chance = chance(seed, "world")
        self.store = Store(clock, seed=seed)
        self.admission = Admission(self.store)
        self.store.admission = self.admission.admit
        self.hub = Hub()
        self.registry = Registry()
        self.cloud = Cloud()
        self.hardware: dict[str, int] = {}
        """How many GPUs a node has, where its Node object does not tell before its device plugin runs."""
        self.traffic = TrafficControl(self)
        self.events = EventLog(self)
        self.attachments = Attachments(self)
        self.claims = Disk()
        """What is on the volumes of claims, wherever those are attached."""
        self.seeded: dict[str, dict[str, set[str]]] = {}
        """Files in claims (`namespace/name`), by the folder that they were seeded into."""
        self.kubelet = Kubelet(self)
        self.nodelife = NodeLifecycle(self)
        self.prometheus = Prometheus(self)
        self.keda = Keda(self)
        self.on_change: Callable[[], None] = lambda: None
        self.live = False
        """False while the past is being made, when engines are not kept up with at every moment."""
        self._timeline = Timeline()
        self._stepped: asyncio.Event | None = None
        self._settling = False
        self._controllers: tuple[Controller, ...] = (
            DeploymentController(self),
            ReplicaSetController(self),
            DaemonSetController(self),
            StatefulSetController(self),
            JobController(self),
            Scheduler(self),
            self.kubelet,
            self.nodelife,
            EndpointSliceController(self),
            VolumeController(self),
            QuotaController(self),
            ClusterAutoscaler(self),
            self.keda,
            HpaController(self),
            GarbageCollector(self),
        )
        self.store.subscribe(self._notice)

    # --- time ---------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds since the Unix epoch, in the lab."""
        return self.clock.time()

    @staticmethod
    def clock_at(when: float) -> datetime:
        """A time in seconds since the epoch, in UTC."""
        return datetime.fromtimestamp(when, UTC)

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        """Plans `action` for a time in seconds since the epoch."""
        return self._timeline.at(max(when, self.now), action)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Plans `action` for `seconds` from now."""
        return self.at(self.now + seconds, action)

    @property
    def next_due(self) -> float | None:
        """When something is planned next."""
        return self._timeline.next

    def run_until(self, when: float) -> None:
        """Lets everything happen up to `when`, in order, and leaves the clock there."""
        self.settle()
        while (due := self._timeline.next) is not None and due <= when:
            self.clock.move_to(due)
            while (timer := self._timeline.pop_due(due)) is not None:
                timer.action()
                self.settle()
        self.clock.move_to(when)
        self._announce()

    def take_clock(self, clock: LabClock) -> None:
        """Goes on with another clock that shows the same time."""
        self.clock = self.store.clock = clock

    # --- controllers --------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Lets the controllers act until none of them has anything left to do now."""
        if self._settling:
            return
        self._settling = True
        try:
            for _ in range(_ROUNDS):
                for controller in self._controllers:
                    if controller.work():
                        break
                else:
                    return
        finally:
            self._settling = False
        raise RuntimeError("the lab's controllers do not come to rest")

    def _notice(self, change: Change) -> None:
        for controller in self._controllers:
            controller.notice(change)
        if not self._settling:
            self.on_change()

    def go_live(self) -> None:
        """Ends the past: brings every engine and node to the present."""
        for worker in self.kubelet.workers:
            for unit in worker.units:
                if unit.process is not None:
                    unit.process.catch_up()
        self.live = True
        self.kubelet.beat_all()

    # --- watching the world -------------------------------------------------------------------------------

    async def stepped(self) -> None:
        """Returns after the world has moved on."""
        if self._stepped is None:
            self._stepped = asyncio.Event()
        await self._stepped.wait()

    def _announce(self) -> None:
        if self._stepped is not None:
            self._stepped.set()
            self._stepped = None


def lived_in(scenario: Scenario, now: datetime, seed: int) -> World:
    """A world with the scenario's past behind it, which ends `now`."""
    world = World(LabClock(now - scenario.past), seed=seed)
    world.store.cluster = scenario.name
    scenario.build(world)
    world.run_until(now.timestamp())
    world.go_live()
    return world


class Lab:
    """A running world behind an API server; made by `Lab.start`, ended by `stop`."""

    def __init__(self, world: World, server: LabServer, url: str, token: str, scenario: str) -> None:
        self.world = world
        self.store = world.store
        self.clock = world.clock
        self.scenario = scenario
        self.url = url
        self.token = token
        self.server = server
        self._driver: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    @classmethod
    async def start(cls, scenario: str, *, seed: int = 0, clock: LabClock | None = None, speed: float = 1.0) -> Lab:
        """Starts a scenario, already lived in.

        Without a clock the lab follows real time, times `speed`; with one it moves only by `advance`. The scenario's
        past ends at the clock's present. Raises UsageError for an unknown scenario.
        """
        world = lived_in(scenario_named(scenario), clock.now() if clock else datetime.now(UTC), seed)
        if clock is not None:
            world.take_clock(clock)
        token = f"lab-{seed}"
        pods, network = PodLogs(world), PodNetwork(world)
        server = LabServer(
            world.store, token=token, logs=pods, proxy=network, hub=world.hub, prometheus=world.prometheus
        )
        lab = cls(world, server, await server.start(), token, scenario)
        lab._begin(None if clock else speed)
        return lab

    def _begin(self, speed: float | None) -> None:
        loop = asyncio.get_running_loop()
        if speed is None:

            def settle_soon() -> None:
                loop.call_soon(self.world.settle)

            self.world.on_change = settle_soon
            return
        self.world.on_change = self._wake.set
        self._driver = loop.create_task(self._drive(speed))

    async def advance(self, seconds: float) -> None:
        """Moves a manual clock on, letting whoever sleeps on it act at the right moments."""
        end = self.clock.time() + seconds
        while (wake := self.clock.next_wake) is not None and wake <= end:
            self.world.run_until(wake)
            await asyncio.sleep(0)
        self.world.run_until(end)
        await asyncio.sleep(0)

    @property
    def hub_url(self) -> str:
        """Where the lab's model hub is, as `HF_ENDPOINT` has it."""
        return f"{self.url}/hub"

    @property
    def prometheus_url(self) -> str:
        """Where the cluster's Prometheus answers; empty where it has none."""
        return f"{self.url}/prometheus" if self.world.prometheus.installed else ""

    def kubeconfig(self) -> dict[str, Any]:
        """A kubeconfig for this lab: one context, `lab`."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {"server": self.url}}],
            "users": [{"name": "lab", "user": {"token": self.token}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": "inference"}}],
        }

    async def stop(self) -> None:
        """Ends the lab. Raises what went wrong inside it, if something did."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await driver
        self.world.on_change = lambda: None
        await self.server.stop()

    async def _drive(self, speed: float) -> None:
        """Follows real time: acts when something is due or was written, and a few times a second anyway."""
        loop = asyncio.get_running_loop()
        origin, begun = self.clock.time(), loop.time()
        while True:
            self._wake.clear()
            self.world.run_until(origin + (loop.time() - begun) * speed)
            due = self.world.next_due
            wait = _STEP_S if due is None else min(_STEP_S, max(0.0, due - self.clock.time()) / speed)
            # Not wait_for: before Python 3.12 it loses a cancellation that arrives together with the wake-up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait, _SHORTEST_S)):
                    await self._wake.wait()
