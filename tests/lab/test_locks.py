"""Locks: one run at a time on one object, and none that outlives its run for long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, SteppingClock, deployment
from vops.adapters.kube import KubeCluster
from vops.errors import LockHeld, NotFound
from vops.lab.world import Lab
from vops.model.leases import LEASES
from vops.operations.running.locks import lease_name, locked

TARGET = deployment("llama3-8b")
NAME = lease_name(TARGET)


class Place:
    """A lab and a way to it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.clock = SteppingClock(lab)
        self.cluster = KubeCluster.at(lab.url, lab.token)
        self.warnings: list[str] = []

    def lock(self, run: str) -> Any:
        return locked(self.cluster, self.clock, [TARGET], run, self.warnings.append)

    async def lease(self) -> dict[str, Any]:
        return await self.cluster.get(LEASES, NAME, NAMESPACE)


@pytest_asyncio.fixture
async def place(start_lab: StartLab) -> AsyncIterator[Place]:
    found = Place(await start_lab("healthy"))
    yield found
    await found.cluster.close()


async def test_a_lock_names_its_holder_and_goes_when_the_run_ends(place: Place) -> None:
    async with place.lock("r1") as still_mine:
        assert (await place.lease())["spec"]["holderIdentity"].endswith("/r1")
        still_mine()
    with pytest.raises(NotFound):
        await place.lease()


async def test_a_second_run_is_told_who_holds_it(place: Place) -> None:
    async with place.lock("r1"):
        with pytest.raises(LockHeld, match=r"locked by .*/r1, last renewed 0 s ago"):
            async with place.lock("r2"):
                pass
        assert (await place.lease())["spec"]["holderIdentity"].endswith("/r1")


async def renewed(place: Place, times: int) -> None:
    """Lets `times` renewals happen."""
    for _ in range(times):
        before = (await place.lease())["metadata"]["resourceVersion"]
        while place.lab.clock.next_wake is None:  # the renewal before has its answer only when it sleeps again
            await place.lease()
        await place.lab.advance(10)
        while (await place.lease())["metadata"]["resourceVersion"] == before:
            pass


async def test_a_lock_that_is_renewed_lasts(place: Place) -> None:
    async with place.lock("r1") as still_mine:
        await renewed(place, 5)
        still_mine()
        with pytest.raises(LockHeld):
            async with place.lock("r2"):
                pass


async def abandoned(place: Place) -> None:
    """Leaves a lease behind, as a killed client does."""
    async with place.lock("r1"):
        lease = await place.lease()
    for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        lease["metadata"].pop(key, None)
    await place.cluster.create(LEASES, lease)


async def test_an_abandoned_lock_is_taken_once_it_has_expired(place: Place) -> None:
    await abandoned(place)
    await place.lab.advance(31)

    async def take() -> str:
        async with place.lock("r2"):
            return str((await place.lease())["spec"]["holderIdentity"])

    assert (await place.clock.run(take())).endswith("/r2")


async def test_a_lock_that_only_looks_expired_is_not_taken(place: Place) -> None:
    """Its holder's clock is behind, but it renews while it is watched."""
    await abandoned(place)
    await place.lab.advance(31)

    def renew_elsewhere() -> None:
        lease = place.lab.store.get(LEASES.api_version, LEASES.kind, NAMESPACE, NAME)
        place.lab.store.update({**lease, "spec": {**lease["spec"], "leaseTransitions": 1}})

    place.lab.world.after(5, renew_elsewhere)

    async def take() -> None:
        async with place.lock("r2"):
            pass

    with pytest.raises(LockHeld):
        await place.clock.run(take())


async def checked_for_ever(place: Place, still_mine: Callable[[], None]) -> None:
    while True:
        still_mine()
        await place.lease()


async def test_a_stolen_lock_stops_its_run(place: Place) -> None:
    async with place.lock("r1") as still_mine:
        await place.cluster.patch(
            LEASES, NAME, NAMESPACE, [{"op": "replace", "path": "/spec/holderIdentity", "value": "x"}]
        )
        await place.lab.advance(10)
        with pytest.raises(LockHeld, match="another run took it"):
            await checked_for_ever(place, still_mine)
    assert (await place.lease())["spec"]["holderIdentity"] == "x"


async def test_a_lock_that_cannot_be_renewed_in_time_is_lost(place: Place) -> None:
    async with place.lock("r1") as still_mine:
        await place.lab.server.outage()
        await place.lab.advance(31)
        with pytest.raises(LockHeld, match="could not be renewed in time"):
            still_mine()
        await place.lab.server.start()


async def test_without_permission_a_run_goes_on_and_says_so(place: Place) -> None:
    place.lab.server.access.deny("create", "leases")
    async with place.lock("r1") as still_mine:
        still_mine()
    assert "running without a lock on deployment/llama3-8b" in place.warnings[0]


def test_long_names_stay_unique_and_short() -> None:
    names = {lease_name(deployment("x" * 60 + suffix)) for suffix in ("a", "b")}
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)
