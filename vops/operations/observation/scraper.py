"""Scraper: asks each replica and exporter when its turn comes, and Prometheus for those that the budget leaves out.

Starts what is due and takes what comes back; whose turn it is decides vops.operations.observation.scraping, what the
answers mean vops.operations.observation.telemetry. A failing replica is news, never the end.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from vops.errors import VopsError
from vops.model.promql import fleet_query, fleet_samples
from vops.model.text import one_line
from vops.operations.observation.budget import Budget
from vops.operations.observation.endpoints import EndpointKind
from vops.operations.observation.scraping import COVERED_S, Pace, Schedule, Slot
from vops.operations.observation.telemetry import Telemetry
from vops.operations.session import Session
from vops.ports import Metrics

TICK_S = 0.1
MOST_IN_FLIGHT = 64
PROMETHEUS_INTERVAL_S = 15.0


class Scraper:
    """Fills `telemetry` by `schedule`; `changed` is called whenever there is something new to see."""

    def __init__(
        self,
        session: Session,
        schedule: Schedule,
        telemetry: Telemetry,
        budget: Budget,
        *,
        namespace: str,
        changed: Callable[[], None],
        begin: asyncio.Event,
    ) -> None:
        self._session = session
        self._clock = session.clock
        self._schedule = schedule
        self._telemetry = telemetry
        self._budget = budget
        self._namespace = namespace
        self._changed = changed
        self._begin = begin
        self._pace = -math.inf, schedule.pace()

    async def run(self) -> None:
        """Scrapes until cancelled, from when it is told to begin: at once at first, later spread over the interval."""
        await self._begin.wait()
        in_flight: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                now = self._clock.monotonic()
                for slot in self._startable(now, MOST_IN_FLIGHT - len(in_flight)):
                    self._schedule.started(slot, now)
                    task = tasks.create_task(self._ask(slot))
                    in_flight.add(task)
                    task.add_done_callback(in_flight.discard)
                await self._clock.sleep(TICK_S)

    def _startable(self, now: float, room: int) -> list[Slot]:
        """What is due, as far as room, pace and budget go."""
        pace = math.ceil(self._schedule.most_starts_per_s * TICK_S)
        found: list[Slot] = []
        for slot in self._schedule.due(now):
            if len(found) >= room or (len(found) >= pace and not slot.fresh) or not self._budget.take():
                break
            found.append(slot)
        return found

    async def _ask(self, slot: Slot) -> None:
        answered = False
        try:
            await self._take(slot)
            answered = True
        except VopsError as error:
            self._failed(slot, error)
        except Exception as error:  # the task's edge: one replica's nonsense must not end the observer
            self._failed(slot, _as_ours(error))
        finally:
            self._schedule.ended(slot, answered=answered)

    async def _take(self, slot: Slot) -> None:
        """One scrape, kept if the pod that was asked is still the one that is there."""
        endpoint = slot.endpoint
        where = (endpoint.namespace, endpoint.pod, endpoint.port)
        if endpoint.kind is EndpointKind.GPUS:
            gpus = await self._session.gpus.samples(*where)
            if self._schedule.holds(slot):
                self._telemetry.gpus_sampled(endpoint, gpus, self._clock.now())
                self._changed()
            return
        sample = await self._session.engine.sample(*where)
        if self._schedule.holds(slot):
            interval_s = self._schedule.interval_of(slot, self._pace_at(self._clock.monotonic()))
            self._telemetry.sampled(endpoint, sample, interval_s)
            self._changed()

    def _pace_at(self, now: float) -> Pace:
        """The pace, counted once a second: it is of all endpoints, and each answer asks for it."""
        if now >= self._pace[0]:
            self._pace = now + 1.0, self._schedule.pace()
        return self._pace[1]

    def _failed(self, slot: Slot, error: VopsError) -> None:
        if self._schedule.holds(slot) and self._telemetry.failed(slot.endpoint, error):
            self._changed()

    # --- Prometheus ---

    async def ask_prometheus(self, metrics: Metrics) -> None:
        """Asks until cancelled: for the fleet where budget or exporters do not reach, else only whether it is there."""
        while True:
            try:
                await self._ask_prometheus_once(metrics)
            except VopsError as error:
                self._telemetry.prometheus.failed(error)
            except Exception as error:  # the task's edge: what a Prometheus answers must not end the observer
                self._telemetry.prometheus.failed(_as_ours(error))
            await self._clock.sleep(PROMETHEUS_INTERVAL_S)

    async def _ask_prometheus_once(self, metrics: Metrics) -> None:
        wanted = self._schedule.scarce or not self._schedule.has_exporters
        vector = await metrics.query(fleet_query(self._namespace) if wanted else "vector(1)")
        self._telemetry.prometheus.answered(self._clock.now())
        if not wanted:
            return
        samples, gpus = fleet_samples(vector)
        for key, sample in samples.items():
            slot = self._schedule.slots.get(key)
            fresh = (self._clock.now() - sample.at).total_seconds() < COVERED_S
            if slot is not None and fresh and self._telemetry.fleet_sampled(key, sample, PROMETHEUS_INTERVAL_S):
                slot.covered_until = self._clock.monotonic() + COVERED_S
        self._telemetry.fleet_gpus_sampled(gpus)
        self._changed()


def _as_ours(error: Exception) -> VopsError:
    return VopsError(f"{type(error).__name__}: {one_line(str(error))}")
