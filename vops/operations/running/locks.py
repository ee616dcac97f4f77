"""One run at a time on one object: a Lease per target in the target's namespace, or in `default` where it has none.

Held for 30 s and renewed every 10 s by compare-and-swap on its resourceVersion, so a killed client's lock expires by
itself. Another's lock that looks expired by this machine's clock is watched for a renewal before it is taken, since
clocks differ. Credentials that may not touch Leases run without a lock, and are told so.
"""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from vops.errors import ClusterError, Conflict, Forbidden, LockHeld, NotFound, Rejected, Unavailable, Unreachable
from vops.model.leases import LEASES
from vops.model.objects import Ref
from vops.planning.patches import Document
from vops.ports import Clock, Cluster

DURATION_S = 30
RENEW_S = 10.0
WATCH_S = 12.0
OF_CLUSTER = "default"
"""Where the leases of objects without a namespace are."""
"""How long an expired lock of another is watched: longer than its holder would wait to renew it."""


class Lock:
    """A lease that this run holds; `check` before every write."""

    def __init__(self, cluster: Cluster, clock: Clock, target: Ref, lease: Document) -> None:
        self._cluster = cluster
        self._clock = clock
        self._target = target
        self._lease = lease
        self._renewed_at = clock.monotonic()
        self._lost = ""

    def check(self) -> None:
        """Raises LockHeld once the lock is lost, or could not be renewed for as long as it lasts."""
        if not self._lost and self._clock.monotonic() - self._renewed_at > DURATION_S:
            self._lost = "it could not be renewed in time"
        if self._lost:
            raise LockHeld(f"the lock on {self._target} was lost: {self._lost}", hint="see what the other run does")

    async def renew_for_ever(self) -> None:
        """Renews until cancelled or lost."""
        while not self._lost:
            await self._clock.sleep(RENEW_S)
            await self._renew()

    async def _renew(self) -> None:
        changes = [{"op": "replace", "path": "/spec/renewTime", "value": _micro(self._clock.now())}]
        try:
            self._lease = await _swap(self._cluster, self._lease, changes)
            self._renewed_at = self._clock.monotonic()
        except (Rejected, Conflict, NotFound):
            await self._look_again()
        except ClusterError:
            return

    async def _look_again(self) -> None:
        """Somebody else's version of the lease: that of a renewal whose answer was lost, or another run's."""
        try:
            found = await self._current()
        except NotFound:
            found = None
        except ClusterError:
            return
        if found is None:
            self._lost = "another run took it, or it was deleted"
        else:
            self._lease = found

    async def _current(self) -> Document | None:
        """The lease as it is now; None when it is not this run's any more. Raises NotFound, ClusterError."""
        meta = self._lease["metadata"]
        found = await self._cluster.get(LEASES, meta["name"], meta["namespace"])
        mine = ("holderIdentity", "acquireTime")
        return found if all(found["spec"].get(key) == self._lease["spec"][key] for key in mine) else None

    async def release(self) -> None:
        """Deletes the lease if it still is this run's; an unreachable server lets it expire."""
        with suppress(ClusterError):
            if found := await self._current():
                meta = found["metadata"]
                await self._cluster.delete(LEASES, meta["name"], meta["namespace"], uid=meta["uid"])


@asynccontextmanager
async def locked(
    cluster: Cluster,
    clock: Clock,
    targets: Sequence[Ref],
    run_id: str,
    warn: Callable[[str], None],
    *,
    patient: bool = False,
) -> AsyncIterator[Callable[[], None]]:
    """Holds a lock on every target and gives the check to make before each write.

    `patient` waits for a lock that this very run left behind to expire. Raises LockHeld naming the holder and its age.
    """
    holder = f"{getpass.getuser()}@{socket.gethostname()}/{run_id}"
    locks: list[Lock] = []
    renewals: list[asyncio.Task[None]] = []
    try:
        for target in targets:
            lock = await _lock(cluster, clock, target, holder, warn, patient=patient)
            if lock is not None:
                locks.append(lock)
                renewals.append(asyncio.create_task(lock.renew_for_ever()))
        yield lambda: _check_all(locks)
    finally:
        for renewal in renewals:
            renewal.cancel()
        await asyncio.gather(*renewals, return_exceptions=True)
        for lock in locks:
            await lock.release()


def _check_all(locks: Sequence[Lock]) -> None:
    for lock in locks:
        lock.check()


async def _lock(
    cluster: Cluster, clock: Clock, target: Ref, holder: str, warn: Callable[[str], None], *, patient: bool
) -> Lock | None:
    try:
        lease = await _acquire(cluster, clock, target, holder, patient=patient)
    except Forbidden as error:
        warn(f"running without a lock on {target}: {error}")
        return None
    return Lock(cluster, clock, target, lease)


async def _acquire(cluster: Cluster, clock: Clock, target: Ref, holder: str, *, patient: bool = False) -> Document:
    wanted = _lease(target, holder, clock.now())
    name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
    try:
        return await cluster.create(LEASES, wanted)
    except Conflict:
        found = await cluster.get(LEASES, name, namespace)
    except (Unavailable, Unreachable) as lost:
        return await _created(cluster, wanted, lost)
    left_s = DURATION_S - (_age_s(found, clock.now()) or 0)
    if patient and found.get("spec", {}).get("holderIdentity") == holder and 0 < left_s <= DURATION_S:
        await clock.sleep(left_s + 1)
        found = await cluster.get(LEASES, name, namespace)
    if not _expired(found, clock.now()):
        raise _held(target, found, clock.now())
    await clock.sleep(WATCH_S)
    again = await cluster.get(LEASES, name, namespace)
    if again["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
        raise _held(target, again, clock.now())
    try:
        return await _swap(cluster, again, [{"op": "replace", "path": "/spec", "value": wanted["spec"]}])
    except (Rejected, Conflict) as error:
        raise _held(target, again, clock.now()) from error


async def _created(cluster: Cluster, wanted: Document, lost: ClusterError) -> Document:
    """The lease whose creation had no answer, if it was made all the same. Raises the loss when it was not."""
    try:
        found = await cluster.get(LEASES, wanted["metadata"]["name"], wanted["metadata"]["namespace"])
    except NotFound:
        raise lost from None
    if found["spec"] != wanted["spec"]:
        raise lost
    return found


async def _swap(cluster: Cluster, lease: Document, changes: Sequence[Document]) -> Document:
    """`lease` changed if it still is the version that is held here."""
    meta = lease["metadata"]
    same = {"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]}
    return await cluster.patch(LEASES, meta["name"], meta["namespace"], [same, *changes])


def _lease(target: Ref, holder: str, now: datetime) -> Document:
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"name": lease_name(target), "namespace": target.namespace or OF_CLUSTER},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": _micro(now),
            "renewTime": _micro(now),
        },
    }


def lease_name(target: Ref) -> str:
    """The name of a target's lease: readable where it fits into 63 characters, unique always."""
    name = f"vops-{target.kind.lower()}-{target.name}"
    if len(name) <= 63:
        return name
    return f"{name[:50].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _expired(lease: Document, now: datetime) -> bool:
    """Whether it looks expired from here: its last renewal is further off than it lasts, in either direction."""
    age_s = _age_s(lease, now)
    return age_s is None or abs(age_s) > DURATION_S


def _age_s(lease: Document, now: datetime) -> float | None:
    try:
        renewed = datetime.fromisoformat(lease["spec"]["renewTime"].replace("Z", "+00:00"))
    except (KeyError, ValueError, AttributeError):
        return None
    return (now - renewed).total_seconds()


def _held(target: Ref, lease: Document, now: datetime) -> LockHeld:
    holder = lease.get("spec", {}).get("holderIdentity", "somebody")
    age_s = _age_s(lease, now)
    since = "" if age_s is None else f", last renewed {max(0, round(age_s))} s ago"
    return LockHeld(
        f"{target} is locked by {holder}{since}",
        hint=f"wait for that run (vops locks shows it); a lock that is not renewed expires after {DURATION_S} s",
    )


def _micro(at: datetime) -> str:
    """A MicroTime as the API writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
