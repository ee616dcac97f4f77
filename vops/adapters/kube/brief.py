"""Connections for short commands: the standard library's HTTP client, each request in a thread.

`vops diagnose` makes a dozen requests and ends, `vops fleet` some hundred. Importing aiohttp for them takes longer than
it saves (the numbers are in docs/decisions/0004-two-http-clients.md), and threads let TLS handshakes and answers
overlap as well. What needs more (streams, WebSockets, proxies, many requests) goes to vops.adapters.kube.pooled.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import zlib
from contextlib import suppress
from urllib.parse import urlsplit

from vops import __version__
from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.errors import Failure, failure_of, unreachable
from vops.adapters.kube.request import LARGEST_ANSWER, Answer, Bounds, Request
from vops.adapters.kube.threads import in_thread
from vops.errors import Unreachable

ENOUGH = 300
"""Who makes more requests than this is no short command: two scrapes of a hundred replicas still are one."""
_GZIP = 16 + zlib.MAX_WBITS


class BriefConnections:
    """Kept connections to one endpoint that has no proxy and no other TLS name."""

    def __init__(self, endpoint: Endpoint) -> None:
        parts = urlsplit(endpoint.url)
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = endpoint.tls
        self._idle: list[http.client.HTTPConnection] = []
        self._closed = False
        self._lock = threading.Lock()

    async def send(self, endpoint: Endpoint, request: Request, bounds: Bounds) -> Answer:
        """Raises Unreachable. Cancelled, it cuts the connection."""
        exchange = _Exchange(self, endpoint, request, bounds)
        try:
            async with asyncio.timeout(bounds.total_s):
                return await in_thread(exchange.run)
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            raise _lost(error, endpoint, connected=exchange.connected) from error
        finally:
            exchange.finish()

    def take(self, bounds: Bounds) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it has been used before."""
        try:
            return self._idle.pop(), True
        except IndexError:
            return self.make(bounds), False

    def make(self, bounds: Bounds) -> http.client.HTTPConnection:
        """A new connection, not yet connected."""
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=bounds.connect_s)
        return http.client.HTTPSConnection(self._host, self._port, timeout=bounds.connect_s, context=self._tls)

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Keeps a connection for the next request; after `close` there is none, so it is closed."""
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Closes what is kept, and lets a request whose caller has gone close its own."""
        with self._lock:
            self._closed = True
        while self._idle:
            self._idle.pop().close()


class _Exchange:
    """One request and its answer; `run` is called in a thread, the rest in the event loop's."""

    def __init__(self, connections: BriefConnections, endpoint: Endpoint, request: Request, bounds: Bounds) -> None:
        self._connections = connections
        self._endpoint = endpoint
        self._request = request
        self._bounds = bounds
        self._connection: http.client.HTTPConnection | None = None
        self._finished = False
        self.connected = False

    def run(self) -> Answer:
        connection, used_before = self._connections.take(self._bounds)
        try:
            return self._answer(connection)
        except (http.client.RemoteDisconnected, ConnectionError):
            # A kept connection may have been closed meanwhile. Only what changes nothing is sent twice.
            if not used_before or self._request.method not in ("GET", "HEAD"):
                raise
        return self._answer(self._connections.make(self._bounds))

    def finish(self) -> None:
        """Cuts the connection unless the answer is whole, which also ends the thread."""
        self._finished = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _answer(self, connection: http.client.HTTPConnection) -> Answer:
        self._connection = connection
        kept = False
        try:
            answer, kept = self._talk(connection)
        finally:
            self._connection = None
            if not kept:
                connection.close()
        if kept:
            self._connections.give_back(connection)
        return answer

    def _talk(self, connection: http.client.HTTPConnection) -> tuple[Answer, bool]:
        """The answer, and whether the connection is good for another request."""
        if connection.sock is None:
            connection.connect()
        self.connected = True
        if self._finished:
            # Nobody waits any more: what would change something must not be sent now.
            raise ConnectionAbortedError
        connection.sock.settimeout(self._bounds.read_s or self._bounds.total_s)
        self._send(connection)
        response = connection.getresponse()
        body = response.read(LARGEST_ANSWER + 1)
        if len(body) > LARGEST_ANSWER:
            raise ValueError("its answer is too long")
        if response.length:
            raise http.client.IncompleteRead(body, response.length)
        headers = {name.lower(): value for name, value in response.getheaders()}
        kept = response.isclosed() and not response.will_close
        return Answer(response.status, headers, _inflated(headers, body)), kept

    def _send(self, connection: http.client.HTTPConnection) -> None:
        request, prefix = self._request, urlsplit(self._endpoint.url).path
        connection.putrequest(request.method, request.url(prefix), skip_accept_encoding=True)
        for name, value in self._endpoint.headers:
            connection.putheader(name, value)
        connection.putheader("User-Agent", f"vops/{__version__}")
        connection.putheader("Accept", request.accept)
        connection.putheader("Accept-Encoding", "gzip")
        if request.body is not None:
            connection.putheader("Content-Type", request.content_type)
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)


def _inflated(headers: dict[str, str], body: bytes) -> bytes:
    if headers.get("content-encoding") != "gzip" or not body:
        return body
    inflated = zlib.decompressobj(_GZIP).decompress(body, LARGEST_ANSWER + 1)
    if len(inflated) > LARGEST_ANSWER:
        raise ValueError("its answer is too long")
    return inflated


def _lost(error: Exception, endpoint: Endpoint, *, connected: bool) -> Unreachable:
    if isinstance(error, http.client.HTTPException | ConnectionResetError | BrokenPipeError) and connected:
        return unreachable(Failure.CUT, "", endpoint)
    failure, detail = failure_of(error)
    if failure is Failure.TIMEOUT and not connected:
        failure = Failure.CONNECT_TIMEOUT
    return unreachable(failure, detail, endpoint)
