"""ScrapeRound: each replica asked once or twice, within the budget, for a look that does not last.

The first scrapes, which give everything but rates, come first, and the look waits for them. The second ones, which
give rates, go to the busiest replicas as far as the budget reaches in a short time; an idle one has none to tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from vops.errors import VopsError
from vops.model.pods import Pod
from vops.model.promql import fleet_query, fleet_samples
from vops.model.serving import GpuSample
from vops.model.snapshot import EngineSamples, Source, SourceState, SourceStatus
from vops.operations.observation.budget import Budget
from vops.operations.observation.endpoints import Endpoint, EndpointKind, PodKey, endpoint_of
from vops.operations.observation.telemetry import Telemetry
from vops.operations.session import Session

PATIENCE_S = 2.0
"""How long a look waits for its budget: beyond that it does without further rates, and lets Prometheus, where there is
one, answer for the rest."""
BURST_S = 4.0
"""A look ends: it may begin with so many seconds' worth of its budget, by default a third of what kubectl's discovery
may ask at once."""
AT_ONCE = 24
"""Requests in flight: each new connection costs a TLS handshake, which a look that ends does not earn back."""
PROMETHEUS_WINDOW_S = 30.0
GPUS_OLDEST_S = 60.0


@dataclass(frozen=True)
class _Answer:
    """A replica that answered, when by the monotonic clock, and how many requests it had."""

    endpoint: Endpoint
    at: float
    load: float


class ScrapeRound:
    """Asks and keeps; `window_s` lies between the two scrapes of a replica, 0 makes it one."""

    def __init__(self, session: Session, *, window_s: float) -> None:
        self._session = session
        self._clock = session.clock
        self._window_s = window_s
        per_s = 0.0 if session.settings.direct else session.settings.scrape_budget_per_s
        self._budget = Budget(per_s, session.clock, burst_s=BURST_S)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._telemetry = Telemetry()
        self._asked: dict[PodKey, Endpoint] = {}
        self._prometheus_asked = False
        self._without_rates = 0

    @property
    def samples(self) -> tuple[EngineSamples, ...]:
        return self._telemetry.samples()

    @property
    def gpus(self) -> tuple[GpuSample, ...]:
        return self._telemetry.gpus(self._clock.now(), GPUS_OLDEST_S)

    def statuses(self, now: datetime) -> tuple[SourceStatus, ...]:
        """The states of METRICS and DCGM, and of PROMETHEUS where it was asked."""
        metrics, gpus = self._telemetry.status(self._asked.values(), now, loading=False)
        if self._without_rates and metrics.state is SourceState.LIVE:
            metrics = replace(metrics, detail=self._words())
        if not self._prometheus_asked:
            return metrics, gpus
        return (metrics, gpus, self._telemetry.prometheus.status(Source.PROMETHEUS, now, 1, 1))

    def _words(self) -> str:
        return (
            f"no rates of {self._without_rates} replicas: {self._budget.per_s:g} scrapes/s do not reach further; "
            "VOPS_SCRAPE_BUDGET_PER_S=0 lifts the budget"
        )

    async def ask_engines(self, pods: Iterable[Pod]) -> None:
        """Scrapes the vLLM servers that run among `pods`."""
        found = [endpoint for pod in pods if (endpoint := _endpoint(pod, EndpointKind.ENGINE))]
        self._asked |= {endpoint.key: endpoint for endpoint in found}
        covered = await self._ask_prometheus() if self._too_many(found) else frozenset()
        rest = [endpoint for endpoint in found if endpoint.key not in covered or not endpoint.ready]
        answers = await asyncio.gather(*(self._ask_engine(endpoint) for endpoint in rest))
        if self._window_s > 0:
            await self._ask_again([answer for answer in answers if answer is not None])

    async def ask_gpus(self, pods: Iterable[Pod], nodes: frozenset[str]) -> None:
        """Scrapes the DCGM exporters among `pods` that are on `nodes`."""
        found = [endpoint for pod in pods if (endpoint := _endpoint(pod, EndpointKind.GPUS)) and endpoint.node in nodes]
        self._asked |= {endpoint.key: endpoint for endpoint in found}
        await asyncio.gather(*(self._ask_exporter(endpoint) for endpoint in found))

    def _too_many(self, found: list[Endpoint]) -> bool:
        scrapes = len(found) * (2 if self._window_s > 0 else 1)
        return self._session.metrics is not None and not self._budget.affords(scrapes, PATIENCE_S)

    async def _ask_again(self, answers: list[_Answer]) -> None:
        """Second scrapes, each `window_s` after the first: in turn or, with a budget, those under load first."""
        answers.sort(key=lambda answer: answer.at if self._budget.unlimited else -answer.load)
        last = max((answer.at for answer in answers), default=0.0) + self._window_s + PATIENCE_S
        async with asyncio.TaskGroup() as tasks:
            for number, answer in enumerate(answers):
                await self._clock.sleep(max(0.0, answer.at + self._window_s - self._clock.monotonic()))
                if not await self._budget.spend(before=last):
                    self._without_rates = len(answers) - number
                    break
                tasks.create_task(self._scrape(answer.endpoint))

    async def _ask_engine(self, endpoint: Endpoint) -> _Answer | None:
        await self._budget.spend()
        return await self._scrape(endpoint)

    async def _scrape(self, endpoint: Endpoint) -> _Answer | None:
        try:
            async with self._room:
                sample = await self._session.engine.sample(endpoint.namespace, endpoint.pod, endpoint.port)
        except VopsError as error:
            self._telemetry.failed(endpoint, error)
            return None
        self._telemetry.sampled(endpoint, sample, self._window_s)
        return _Answer(endpoint, self._clock.monotonic(), (sample.running or 0.0) + (sample.waiting or 0.0))

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
