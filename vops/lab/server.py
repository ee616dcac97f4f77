"""The lab's API server: serves a store over loopback HTTP, and can be made to misbehave for tests."""

from __future__ import annotations

from vops.lab.providers import LogsProvider, ProxyProvider
from vops.lab.store import Store


class LabServer:
    """`url = await server.start()` … `await server.stop()`; `token=""` lets everybody in."""

    def __init__(
        self, store: Store, *, token: str = "", logs: LogsProvider | None = None, proxy: ProxyProvider | None = None
    ) -> None:
        self.store = store
        self.token = token
        self._logs = logs
        self._proxy = proxy

    async def start(self) -> str:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError
