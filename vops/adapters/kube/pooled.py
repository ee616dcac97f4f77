"""Connections for long sessions: aiohttp's pool, which streams, upgrades to WebSockets and goes through proxies."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from vops import __version__
from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.errors import Failure, error_of, failure_of, unreachable
from vops.adapters.kube.request import LARGEST_ANSWER, Answer, Bounds, Request
from vops.errors import Unreachable
from vops.ports import Meter

CONNECTIONS = 128
"""At most this many at once: a watch holds one for as long as it runs, a scrape for milliseconds."""
KEPT_S = 60
_FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (aiohttp.ClientProxyConnectionError, Failure.PROXY),
    (aiohttp.ClientHttpProxyError, Failure.PROXY),
    (aiohttp.ClientConnectorDNSError, Failure.DNS),
    (aiohttp.ConnectionTimeoutError, Failure.CONNECT_TIMEOUT),
    (aiohttp.InvalidURL, Failure.ADDRESS),
    (aiohttp.ServerDisconnectedError, Failure.CUT),
    (aiohttp.ClientPayloadError, Failure.CUT),
)


def lost(error: Exception, endpoint: Endpoint) -> Unreachable:
    """What an error of aiohttp means."""
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    failure, detail = failure_of(cause)
    known = next((meant for kind, meant in _FAILURES if isinstance(error, kind)), failure)
    return unreachable(known, detail, endpoint)


class ResponseStream:
    """A response that is read as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse, endpoint: Endpoint, meter: Meter) -> None:
        self._response = response
        self._meter = meter
        self._endpoint = endpoint
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """What has arrived, as it arrives. Raises Unreachable when the connection is lost."""
        try:
            async for chunk in self._response.content.iter_any():
                self._meter.add(len(chunk))
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise lost(error, self._endpoint) from error

    async def answer(self) -> Answer:
        """The whole of it. Raises Unreachable when the connection is lost or the body is too long."""
        parts: list[bytes] = []
        size = 0
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                parts.append(chunk)
                size += len(chunk)
                if size > LARGEST_ANSWER:
                    raise unreachable(Failure.OTHER, "its answer is too long", self._endpoint)
        return Answer(self.status, self.headers, b"".join(parts))


class PooledConnections:
    """The connections to one endpoint; the credentials may change, the TLS settings stay."""

    def __init__(self, endpoint: Endpoint, meter: Meter) -> None:
        self._meter = meter
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS,
            ssl=endpoint.tls or True,
            keepalive_timeout=KEPT_S,
            socket_factory=_kept_alive_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": f"vops/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    @asynccontextmanager
    async def open(self, endpoint: Endpoint, request: Request, bounds: Bounds) -> AsyncIterator[ResponseStream]:
        headers = [*endpoint.headers, ("Accept", request.accept)]
        if request.body is not None:
            headers.append(("Content-Type", request.content_type))
        timeout = aiohttp.ClientTimeout(total=bounds.total_s, sock_connect=bounds.connect_s, sock_read=bounds.read_s)
        try:
            response = await self._session.request(
                request.method,
                # Quoted already; to quote it again would change which object is meant.
                URL(request.url(endpoint.url), encoded=True),
                data=request.body,
                headers=headers,
                timeout=timeout,
                proxy=endpoint.proxy or None,
                server_hostname=endpoint.server_name or None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise lost(error, endpoint) from error
        try:
            yield ResponseStream(response, endpoint, self._meter)
        finally:
            response.close()

    @asynccontextmanager
    async def websocket(
        self, endpoint: Endpoint, request: Request, protocols: tuple[str, ...]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Raises ClusterError when the server will not upgrade, Unreachable when it does not answer."""
        try:
            socket_ = await self._session.ws_connect(
                URL(request.url(endpoint.url), encoded=True),
                protocols=protocols,
                headers=endpoint.headers,
                proxy=endpoint.proxy or None,
                server_hostname=endpoint.server_name or None,
                max_msg_size=LARGEST_ANSWER,
            )
        except aiohttp.WSServerHandshakeError as error:
            raise error_of(Answer(error.status, {}, b""), request, endpoint) from error
        except (aiohttp.ClientError, OSError) as error:
            raise lost(error, endpoint) from error
        async with socket_:
            yield socket_

    async def close(self) -> None:
        await self._session.close()


def _kept_alive_socket(address: Any) -> socket.socket:
    """A TCP socket that notices within half a minute that the network is gone, even when nothing is being sent."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made
