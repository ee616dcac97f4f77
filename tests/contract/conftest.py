"""One cluster for the contract tests: the lab's API server, or the one that `VOPS_CONTRACT_KUBECONFIG` leads to.

Every test gets a namespace of its own, and makes what it needs there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio

from tests.contract.objects import SERVICE_ACCOUNTS
from tests.contract.wire import Wire
from vops.adapters.clock import MachineClock
from vops.adapters.kube import KubeCluster
from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.transport import HttpTransport
from vops.errors import Conflict
from vops.lab.clock import LabClock
from vops.lab.server import LabServer
from vops.lab.store import Store
from vops.model.resources import NAMESPACES

TIMEOUT_S = 10.0
TOKEN = "let-me-in"


class Users:
    """Connections to one server as its administrator, as somebody without rights, and as nobody it knows."""

    def __init__(self, admin: Endpoint, stranger: Endpoint) -> None:
        nobody = dataclasses.replace(admin, headers=(("Authorization", "Bearer not-a-token"),))
        self.wires = {"admin": _wire(admin), "stranger": _wire(stranger), "nobody": _wire(nobody)}

    def cluster(self, user: str) -> KubeCluster:
        return KubeCluster(self.wires[user], clock=MachineClock(), timeout_s=TIMEOUT_S)

    async def close(self) -> None:
        for wire in self.wires.values():
            await wire.close()


def _wire(endpoint: Endpoint) -> Wire:
    return Wire(HttpTransport(endpoint, clock=MachineClock(), timeout_s=TIMEOUT_S))


@pytest_asyncio.fixture
async def users() -> AsyncIterator[Users]:
    kubeconfig = os.environ.get("VOPS_CONTRACT_KUBECONFIG", "")
    stop: Callable[[], Awaitable[None]]
    users, stop = await (_real(kubeconfig) if kubeconfig else _lab())
    yield users
    await users.close()
    await stop()


async def _real(kubeconfig: str) -> tuple[Users, Callable[[], Awaitable[None]]]:
    from vops.adapters.kube.login import log_in

    async def stop() -> None:
        """It was there before and stays."""

    admin = await log_in(kubeconfig, "")
    stranger = dataclasses.replace(admin, headers=(*admin.headers, ("Impersonate-User", "vops-contract-stranger")))
    return Users(admin, stranger), stop


async def _lab() -> tuple[Users, Callable[[], Awaitable[None]]]:
    store = Store(LabClock())
    servers = LabServer(store, token=TOKEN), LabServer(store, token=TOKEN)
    servers[1].access.deny()

    async def stop() -> None:
        for server in servers:
            await server.stop()

    admin, stranger = [
        Endpoint(await server.start(), "lab", headers=(("Authorization", f"Bearer {TOKEN}"),)) for server in servers
    ]
    return Users(admin, stranger), stop


@pytest_asyncio.fixture
async def cluster(users: Users) -> KubeCluster:
    """The cluster as its administrator."""
    return users.cluster("admin")


@pytest_asyncio.fixture
async def wire(users: Users) -> Wire:
    """What `cluster` sends."""
    return users.wires["admin"]


@pytest_asyncio.fixture
async def namespace(cluster: KubeCluster) -> AsyncIterator[str]:
    """A fresh namespace in which pods can be made at once."""
    name = f"vops-contract-{uuid.uuid4().hex[:8]}"
    made = await cluster.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
    with contextlib.suppress(Conflict):  # the control plane's own controller may be faster
        await cluster.create(SERVICE_ACCOUNTS, account)
    yield name
    await cluster.delete(NAMESPACES, name, "", uid=made["metadata"]["uid"])
