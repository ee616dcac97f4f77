"""Transport: requests in, answers out, and HttpTransport, which owns the credentials and picks the connections.

The wrappers that restrain or report writes are in vops.adapters.kube.wrappers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from vops.adapters.kube.brief import ENOUGH, BriefConnections
from vops.adapters.kube.endpoint import Endpoint, Renew
from vops.adapters.kube.request import Answer, Request
from vops.ports import Clock, Meter

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

    from vops.adapters.kube.pooled import PooledConnections

RENEW_BEFORE = timedelta(seconds=30)
RENEW_PAUSE_S = 5.0
"""Credentials that were refused are renewed at most this often: six watches fail at the same time."""


class Stream(Protocol):
    """A response that is read as it arrives; header names are lower case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """What has arrived, as it arrives. Raises Unreachable when the connection is lost."""
        ...

    async def answer(self) -> Answer:
        """The whole of it. Raises Unreachable."""
        ...


class Transport(Protocol):
    """Carries requests to one API server; raises Unreachable and Unauthorized, and hands every other answer on."""

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def readonly(self) -> bool: ...

    async def send(self, request: Request) -> Answer: ...

    def open(self, request: Request) -> AbstractAsyncContextManager[Stream]:
        """For answers without an end: watches and followed logs."""
        ...

    def websocket(
        self, request: Request, protocols: tuple[str, ...]
    ) -> AbstractAsyncContextManager[ClientWebSocketResponse]:
        """Raises any ClusterError where the server will not upgrade."""
        ...

    async def close(self) -> None: ...


class HttpTransport:
    """Speaks HTTP/1.1 over kept connections, and logs in again when credentials expire.

    The first requests go over brief connections; streams, and whoever asks for more, bring in the pool.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Clock,
        timeout_s: float,
        renew: Renew | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._timeout_s = timeout_s
        self._renew = renew
        self._renewing = asyncio.Lock()
        self._renewed_at = float("-inf")
        self._meter = meter or Meter()
        self._sent = 0
        self._brief = BriefConnections(endpoint)
        self._pool: PooledConnections | None = None
        self._retired: PooledConnections | None = None

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    @property
    def readonly(self) -> bool:
        return False

    async def send(self, request: Request) -> Answer:
        used = await self._current()
        answer = await self._exchange(used, request)
        if answer.status == 401:
            renewed = await self._log_in_again(used)
            if renewed is not used:
                return await self._exchange(renewed, request)
        return answer

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Stream]:
        used = await self._current()
        bounds = request.bounds(self._timeout_s)
        async with (await self._pooled()).open(used, request, bounds) as stream:
            if stream.status != 401:
                yield stream
                return
            renewed = await self._log_in_again(used)
            if renewed is used:
                yield stream
                return
        async with (await self._pooled()).open(renewed, request, bounds) as stream:
            yield stream

    @asynccontextmanager
    async def websocket(self, request: Request, protocols: tuple[str, ...]) -> AsyncIterator[ClientWebSocketResponse]:
        pool, used = await self._pooled(), await self._current()
        async with pool.websocket(used, request, protocols) as socket:
            yield socket

    async def close(self) -> None:
        self._brief.close()
        await self._retire_pool()
        await self._retire_pool()

    # --- connections ---

    async def _exchange(self, endpoint: Endpoint, request: Request) -> Answer:
        bounds = request.bounds(self._timeout_s)
        if self._pool is None and self._sent < ENOUGH and not endpoint.proxy and not endpoint.server_name:
            self._sent += 1
            answer = await self._brief.send(endpoint, request, bounds)
            self._meter.add(len(answer.body))
            return answer
        async with (await self._pooled()).open(endpoint, request, bounds) as stream:
            return await stream.answer()

    async def _pooled(self) -> PooledConnections:
        if self._pool is None:
            kind = await asyncio.to_thread(_pooled_connections)
            # Another request may have been waiting for it as well.
            if self._pool is None:
                self._brief.close()
                self._pool = kind(self._endpoint, self._meter)
        return self._pool

    async def _retire_pool(self) -> None:
        """New requests get new connections; what still runs on the old ones may end on them."""
        retired, self._retired, self._pool = self._retired, self._pool, None
        if retired is not None:
            await retired.close()

    # --- credentials ---

    async def _current(self) -> Endpoint:
        """The endpoint with credentials that have not expired, as far as vops can tell and do."""
        used = self._endpoint
        if used.expires is not None and used.expires - RENEW_BEFORE <= self._clock.now():
            return await self._log_in_again(used)
        return used

    async def _log_in_again(self, used: Endpoint) -> Endpoint:
        """The endpoint to go on with: `used` itself when there is nothing newer."""
        async with self._renewing:
            if self._endpoint is not used:
                return self._endpoint
            if self._renew is None or self._clock.monotonic() - self._renewed_at < RENEW_PAUSE_S:
                return used
            self._renewed_at = self._clock.monotonic()
            renewed = await self._renew()
            if (renewed.headers, renewed.certificate) == (used.headers, used.certificate):
                return used
            self._endpoint = renewed
            if renewed.certificate != used.certificate:
                self._brief.close()
                self._brief = BriefConnections(renewed)
                await self._retire_pool()
            return renewed


def _pooled_connections() -> type[PooledConnections]:
    """Imported where it is first needed: short commands end without it. In a thread, since it takes a while."""
    from vops.adapters.kube.pooled import PooledConnections

    return PooledConnections
