"""A bare store and a server over it, for the tests of the lab's API: no controllers, a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from tests.lab.http import Api, FakeContainers
from vops.lab.server import LabServer
from vops.lab.store import Store


class StoppedClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def stopped_clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def store(stopped_clock: StoppedClock) -> Store:
    """A store with the namespace `default`."""
    store = Store(stopped_clock)
    store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    return store


@pytest.fixture
def containers() -> FakeContainers:
    return FakeContainers()


@pytest_asyncio.fixture
async def server(store: Store, containers: FakeContainers) -> AsyncIterator[LabServer]:
    server = LabServer(store, token="let-me-in", logs=containers, proxy=containers.proxy)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def api(server: LabServer) -> AsyncIterator[Api]:
    async with Api(server.url, "let-me-in") as api:
        yield api
