"""Transport: requests in, answers out, and HttpTransport, the one that owns the connections and the credentials.

The wrappers that restrain or report writes are in vops.adapters.kube.wrappers.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol

import aiohttp
from yarl import URL

from vops import __version__
from vops.adapters.kube.endpoint import Endpoint, Renew
from vops.adapters.kube.errors import unreachable
from vops.adapters.kube.request import Answer, Request
from vops.ports import Clock

CONNECTIONS = 128
"""At most this many at once: a watch holds one for as long as it runs, a scrape for milliseconds."""
CONNECT_TIMEOUT_S = 5.0
LARGEST_ANSWER = 64 << 20
RENEW_BEFORE = timedelta(seconds=30)
RENEW_PAUSE_S = 5.0
"""Credentials that were refused are renewed at most this often: six watches fail at the same time."""


class Stream:
    """A response that is read as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse, endpoint: Endpoint) -> None:
        self._response = response
        self._endpoint = endpoint
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """What has arrived, as it arrives. Raises Unreachable when the connection is lost."""
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(error, self._endpoint) from error

    async def answer(self, limit: int = LARGEST_ANSWER) -> Answer:
        """The whole of it. Raises Unreachable when the connection is lost or the body exceeds `limit` bytes."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise unreachable(ValueError(f"the answer is longer than {limit} bytes"), self._endpoint)
        return Answer(self.status, self.headers, b"".join(parts))


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
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]: ...

    async def close(self) -> None: ...


class HttpTransport:
    """Speaks HTTP/1.1 over a pool of kept connections, and logs in again when credentials expire."""

    def __init__(self, endpoint: Endpoint, *, clock: Clock, timeout_s: float, renew: Renew | None = None) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._timeout_s = timeout_s
        self._renew = renew
        self._renewing = asyncio.Lock()
        self._renewed_at = float("-inf")
        self._session: aiohttp.ClientSession | None = None
        self._retired: aiohttp.ClientSession | None = None

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    @property
    def readonly(self) -> bool:
        return False

    async def send(self, request: Request) -> Answer:
        async with self.open(request) as stream:
            return await stream.answer()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Stream]:
        response = await self._respond(request)
        try:
            yield Stream(response, self._endpoint)
        finally:
            response.close()

    @asynccontextmanager
    async def websocket(
        self, request: Request, protocols: tuple[str, ...]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Raises aiohttp.WSServerHandshakeError when the server will not upgrade."""
        session = self._open_session()
        endpoint = self._endpoint
        try:
            async with asyncio.timeout(self._timeout_s):
                socket_ = await session.ws_connect(
                    self._url(request),
                    protocols=protocols,
                    headers=endpoint.headers,
                    proxy=endpoint.proxy or None,
                    server_hostname=endpoint.server_name or None,
                    max_msg_size=LARGEST_ANSWER,
                )
        except aiohttp.WSServerHandshakeError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(error, endpoint) from error
        async with socket_:
            yield socket_

    async def close(self) -> None:
        await self._retire_session()
        await self._retire_session()

    async def _start(self, request: Request) -> aiohttp.ClientResponse:
        endpoint = self._endpoint
        headers = [*endpoint.headers, ("Accept", request.accept)]
        if request.body is not None:
            headers.append(("Content-Type", request.content_type))
        try:
            return await self._open_session().request(
                request.method,
                self._url(request),
                data=request.body,
                headers=headers,
                timeout=self._timeout(request),
                proxy=endpoint.proxy or None,
                server_hostname=endpoint.server_name or None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(error, endpoint) from error

    def _url(self, request: Request) -> URL:
        # The path comes quoted; anything that quotes it again would change which object is meant.
        url = URL(self._endpoint.url.rstrip("/") + request.path, encoded=True)
        return url.update_query(request.query) if request.query else url

    def _timeout(self, request: Request) -> aiohttp.ClientTimeout:
        bounded = request.total_s is None and request.read_s is None
        return aiohttp.ClientTimeout(
            total=self._timeout_s if bounded else request.total_s,
            sock_connect=min(CONNECT_TIMEOUT_S, self._timeout_s),
            sock_read=request.read_s,
        )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=CONNECTIONS,
                ssl=self._endpoint.tls or True,
                keepalive_timeout=60,
                socket_factory=_kept_alive_socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers={"User-Agent": f"vops/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _respond(self, request: Request) -> aiohttp.ClientResponse:
        """The response to `request`, made with credentials that are as good as vops can get them."""
        used = self._endpoint
        if used.expires is not None and used.expires - RENEW_BEFORE <= self._clock.now():
            used = await self._log_in_again(used)
        response = await self._start(request)
        if response.status != 401 or await self._log_in_again(used) is used:
            return response
        response.close()
        return await self._start(request)

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
                await self._retire_session()
            return renewed

    async def _retire_session(self) -> None:
        """New requests get new connections; what still runs on the old ones may end on them."""
        retired, self._retired, self._session = self._retired, self._session, None
        if retired is not None:
            await retired.close()


def _kept_alive_socket(address: Any) -> socket.socket:
    """A TCP socket that notices within half a minute that the network is gone, even when nothing is being sent."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made
