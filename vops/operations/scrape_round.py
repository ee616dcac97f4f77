"""ScrapeRound: each replica asked once or twice, within the budget, for a look that does not last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from vops.errors import VopsError
from vops.model.promql import fleet_query, fleet_samples
from vops.model.resources import Pod
from vops.model.serving import GpuSample
from vops.model.snapshot import EngineSamples, Source, SourceStatus
from vops.operations.budget import Budget
from vops.operations.endpoints import Endpoint, EndpointKind, PodKey, endpoint_of
from vops.operations.scraper import MOST_IN_FLIGHT
from vops.operations.session import Session
from vops.operations.telemetry import Telemetry

PATIENCE_S = 2.0
"""How long a look may wait for its budget before Prometheus, where there is one, answers for the rest."""
PROMETHEUS_WINDOW_S = 30.0
GPUS_OLDEST_S = 60.0


class ScrapeRound:
    """Asks and keeps; `window_s` lies between the two scrapes of a replica, 0 makes it one."""

    def __init__(self, session: Session, *, window_s: float) -> None:
        self._session = session
        self._clock = session.clock
        self._window_s = window_s
        self._budget = Budget(0.0 if session.settings.direct else session.settings.scrape_budget_per_s, session.clock)
        self._room = asyncio.Semaphore(MOST_IN_FLIGHT)
        self._telemetry = Telemetry()
        self._asked: dict[PodKey, Endpoint] = {}
        self._prometheus_asked = False

    @property
    def samples(self) -> tuple[EngineSamples, ...]:
        return self._telemetry.samples()

    @property
    def gpus(self) -> tuple[GpuSample, ...]:
        return self._telemetry.gpus(self._clock.now(), GPUS_OLDEST_S)

    def statuses(self, now: datetime) -> tuple[SourceStatus, ...]:
        """The states of METRICS and DCGM, and of PROMETHEUS where it was asked."""
        found = self._telemetry.status(self._asked.values(), now, loading=False)
        if not self._prometheus_asked:
            return found
        return (*found, self._telemetry.prometheus.status(Source.PROMETHEUS, now, 1, 1))

    async def ask_engines(self, pods: Iterable[Pod]) -> None:
        """Scrapes the vLLM servers that run among `pods`."""
        found = [endpoint for pod in pods if (endpoint := _endpoint(pod, EndpointKind.ENGINE))]
        self._asked |= {endpoint.key: endpoint for endpoint in found}
        covered = await self._ask_prometheus() if self._too_many(found) else frozenset()
        rest = [endpoint for endpoint in found if endpoint.key not in covered or not endpoint.ready]
        await asyncio.gather(*(self._ask_twice(endpoint) for endpoint in rest))

    async def ask_gpus(self, pods: Iterable[Pod], nodes: frozenset[str]) -> None:
        """Scrapes the DCGM exporters among `pods` that are on `nodes`."""
        found = [endpoint for pod in pods if (endpoint := _endpoint(pod, EndpointKind.GPUS)) and endpoint.node in nodes]
        self._asked |= {endpoint.key: endpoint for endpoint in found}
        await asyncio.gather(*(self._ask_exporter(endpoint) for endpoint in found))

    def _too_many(self, found: list[Endpoint]) -> bool:
        scrapes = len(found) * (2 if self._window_s > 0 else 1)
        return self._session.metrics is not None and 0 < self._budget.per_s * PATIENCE_S < scrapes

    async def _ask_twice(self, endpoint: Endpoint) -> None:
        begun = self._clock.monotonic()
        if not await self._ask_engine(endpoint) or self._window_s <= 0:
            return
        await self._clock.sleep(max(0.0, self._window_s - (self._clock.monotonic() - begun)))
        await self._ask_engine(endpoint)

    async def _ask_engine(self, endpoint: Endpoint) -> bool:
        await self._budget.spend()
        try:
            async with self._room:
                sample = await self._session.engine.sample(endpoint.namespace, endpoint.pod, endpoint.port)
        except VopsError as error:
            self._telemetry.failed(endpoint, error)
            return False
        self._telemetry.sampled(endpoint, sample, self._window_s)
        return True

    async def _ask_exporter(self, endpoint: Endpoint) -> None:
        await self._budget.spend()
        try:
            async with self._room:
                gpus = await self._session.gpus.samples(endpoint.namespace, endpoint.pod, endpoint.port)
        except VopsError as error:
            self._telemetry.failed(endpoint, error)
            return
        self._telemetry.gpus_sampled(endpoint, gpus, self._clock.now())

    async def _ask_prometheus(self) -> frozenset[PodKey]:
        """The replicas that Prometheus answers for, now and half a minute ago, so that they have rates."""
        metrics = self._session.metrics
        if metrics is None:
            return frozenset()
        self._prometheus_asked = True
        now = self._clock.now()
        instants = (now - timedelta(seconds=PROMETHEUS_WINDOW_S), now)
        try:
            answers = await asyncio.gather(*(metrics.query(fleet_query(), at) for at in instants))
        except VopsError as error:
            self._telemetry.prometheus.failed(error)
            return frozenset()
        self._telemetry.prometheus.answered(now)
        covered: set[PodKey] = set()
        for vector in answers:
            samples, gpus = fleet_samples(vector)
            self._telemetry.fleet_gpus_sampled(gpus)
            for key in samples.keys() & self._asked.keys():
                self._telemetry.fleet_sampled(key, samples[key], PROMETHEUS_WINDOW_S)
                covered.add(key)
        return frozenset(covered)


def _endpoint(pod: Pod, kind: EndpointKind) -> Endpoint | None:
    endpoint = endpoint_of(pod)
    return endpoint if endpoint is not None and endpoint.kind is kind else None
