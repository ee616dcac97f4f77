"""A session on a lab whose time moves exactly when the run under test sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from tests.lab.near import cluster_of
from vops.adapters.clock import MachineClock
from vops.adapters.prometheus import PrometheusMetrics
from vops.adapters.vllm import VllmEngine
from vops.lab.world import Lab
from vops.model.objects import Ref
from vops.operations.session import Session
from vops.planning.events import Question, RunEvent
from vops.settings import Settings

T = TypeVar("T")
NAMESPACE = "inference"


def deployment(name: str) -> Ref:
    return Ref("Deployment", name, NAMESPACE)


class SteppingClock:
    """The lab's clock; when the task that `run` drives sleeps on it, the lab advances by that much."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._driven: asyncio.Task[Any] | None = None
        self._asleep = asyncio.Event()
        self._until = 0.0

    def now(self) -> datetime:
        return self._lab.clock.now()

    def monotonic(self) -> float:
        return self._lab.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        if asyncio.current_task() is self._driven:
            self._until = self.monotonic() + seconds
            self._asleep.set()
        await self._lab.clock.sleep(seconds)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """`work`'s result, with time passing whenever it sleeps."""
        task = asyncio.create_task(work)
        self._driven = task
        while not task.done():
            asleep = asyncio.create_task(self._asleep.wait())
            await asyncio.wait({task, asleep}, return_when=asyncio.FIRST_COMPLETED)
            asleep.cancel()
            self._asleep.clear()
            if not task.done():
                await self._lab.advance(self._until - self.monotonic())
        return await task


async def watched(lab: Lab, look: Coroutine[Any, Any, T]) -> T:
    """A look that takes its time, while the lab's time passes."""
    task = asyncio.create_task(look)
    while not (await asyncio.wait({task}, timeout=0.01))[0]:
        if (wake := lab.clock.next_wake) is not None:
            await lab.advance(wake - lab.clock.time())
    return await task


async def driven(session: Session, work: Coroutine[Any, Any, T]) -> T:
    """`work`'s result, with the time of the session's lab passing whenever it sleeps."""
    clock = session.clock
    assert isinstance(clock, SteppingClock)
    return await clock.run(work)


@asynccontextmanager
async def session_on(lab: Lab, state: Path, *, readonly: bool = False) -> AsyncIterator[Session]:
    clock = SteppingClock(lab)
    cluster = cluster_of(lab, MachineClock(), namespace=NAMESPACE, readonly=readonly)
    engine = VllmEngine(cluster.proxy, now=clock.now)
    settings = Settings(lab=lab.scenario, namespace=NAMESPACE, state_dir=str(state), readonly=readonly)
    metrics = PrometheusMetrics(lab.prometheus_url) if lab.prometheus_url else None
    try:
        yield Session(cluster, engine, engine, metrics, clock, settings, lab.hub_url)
    finally:
        if metrics is not None:
            await metrics.close()
        await engine.close()
        await cluster.close()


class Person:
    """Answers every question the same, and remembers questions and events."""

    def __init__(self, *, agrees: bool = True) -> None:
        self.agrees = agrees
        self.questions: list[Question] = []
        self.events: list[RunEvent] = []

    async def approve(self, question: Question) -> bool:
        self.questions.append(question)
        return self.agrees

    def progress(self, event: RunEvent) -> None:
        self.events.append(event)
