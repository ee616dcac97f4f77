"""The lab's API server on a loopback port: token check, request log, and trouble on demand around the API."""

from __future__ import annotations

import asyncio
from collections import deque
from urllib.parse import parse_qsl

from aiohttp import web

from vops.lab import statuses
from vops.lab.access import Access
from vops.lab.api import Api, json_response
from vops.lab.disturbances import Disturbance, Disturbances, Received
from vops.lab.engine.hub import Hub
from vops.lab.engine.hub_pages import PREFIX, page
from vops.lab.monitoring import pages
from vops.lab.monitoring.prometheus import Prometheus
from vops.lab.providers import LogsProvider, ProxyProvider
from vops.lab.statuses import ApiError
from vops.lab.store import Store

_HOST = "127.0.0.1"
_LARGEST_BODY = 32 << 20
_REMEMBERED = 10_000
_RECEIVED = web.RequestKey("received", Received)


class LabServer:
    """Serves a store until it is stopped: `url = await server.start()` … `await server.stop()`.

    `token=""` lets everybody in. `requests` is everything that came, oldest first; `access` is the editable deny
    list; `trouble` is what befalls coming requests.
    """

    def __init__(
        self,
        store: Store,
        *,
        token: str = "",
        logs: LogsProvider | None = None,
        proxy: ProxyProvider | None = None,
        hub: Hub | None = None,
        prometheus: Prometheus | None = None,
        port: int = 0,
    ) -> None:
        self.store = store
        self._hub = hub
        self._prometheus = prometheus
        self.token = token
        self.lets_anybody_in = False
        """Whether who shows no token at all is let in: kubectl sends none where there is no TLS."""
        self.access = Access()
        self.trouble = Disturbances()
        self.requests: deque[Received] = deque(maxlen=_REMEMBERED)
        self._api = Api(store, self.access, logs, proxy)
        self._port = port
        self._runner: web.AppRunner | None = None
        self._transports: set[asyncio.Transport] = set()

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self._port}"

    @property
    def writes(self) -> list[Received]:
        """The requests so far that were meant to change something."""
        return [request for request in self.requests if request.is_write]

    async def start(self) -> str:
        """Begins to listen; the port stays the same when it is started again."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.on_response_prepare.append(_note_status)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._port).start()
        self._port = self._runner.addresses[0][1]
        return self.url

    async def stop(self) -> None:
        """Closes everything."""
        await self.outage()

    async def outage(self) -> None:
        """Breaks every connection and refuses new ones until `start` is called again."""
        for transport in tuple(self._transports):
            transport.abort()
        self._api.close_watches()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def end_watches(self, *, expired: bool = False) -> None:
        """Ends every open watch: quietly, or, when `expired`, after an ERROR event with 410."""
        error = statuses.expired(f"too old resource version: 1 ({self.store.revision})") if expired else None
        self._api.close_watches(error)

    def send_bookmarks(self) -> None:
        """Sends a bookmark on every watch that asked for them."""
        self._api.send_bookmarks()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            return web.Response()
        self._transports.add(transport)
        try:
            return await self.answer(request, await request.read())
        finally:
            self._transports.discard(transport)

    def spares(self, method: str, path: str) -> bool:
        """Whether it listens and no trouble awaits such a request, which may then come without a connection."""
        return self._runner is not None and self.trouble.spares(method, path)

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """What it says to a request, from wherever it came."""
        response = await self._answer(request, body)
        if request.transport is None:
            request[_RECEIVED].status = response.status
        return response

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        request[_RECEIVED] = received = _received(request, body)
        self.requests.append(received)
        if self.trouble.latency_s:
            await asyncio.sleep(self.trouble.latency_s)
        trouble = self.trouble.take(request.method, received.path)
        if trouble and not trouble.after_write:
            return _befall(request, trouble)
        if self._hub is not None and request.path.startswith(PREFIX):
            return _hub_answer(self._hub, request)
        if self._prometheus is not None and request.path.startswith(pages.PREFIX):
            parameters = dict(request.rel_url.query) | dict(parse_qsl(body.decode(errors="replace")))
            return json_response(*pages.answer(self._prometheus, request.path, parameters))
        if not self._knows(request.headers.get("Authorization")):
            refusal = statuses.unauthorized()
            return json_response(refusal.code, refusal.status())
        response = await self._api.answer(request, body)
        return _drop(request) if trouble else response

    def _knows(self, shown: str | None) -> bool:
        return not self.token or shown == f"Bearer {self.token}" or (shown is None and self.lets_anybody_in)


def _hub_answer(hub: Hub, request: web.Request) -> web.Response:
    """What the model hub, which is another server in earnest, says."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    found = page(hub, request.path.removeprefix(PREFIX), token)
    if found.body is not None:
        return json_response(found.status, found.body)
    return web.Response(status=found.status, headers={"X-Error-Code": found.error} if found.error else {})


def _received(request: web.Request, body: bytes) -> Received:
    return Received(
        request.method,
        request.rel_url.raw_path,
        dict(request.rel_url.query),
        request.content_type,
        request.headers.get("User-Agent", ""),
        body,
    )


async def _note_status(request: web.Request, response: web.StreamResponse) -> None:
    if _RECEIVED in request and request.transport is not None and not request.transport.is_closing():
        request[_RECEIVED].status = response.status


def _befall(request: web.Request, trouble: Disturbance) -> web.StreamResponse:
    if not trouble.status:
        return _drop(request)
    response = json_response(trouble.status, ApiError(trouble.status, trouble.reason, trouble.message).status())
    response.headers.update(trouble.headers)
    return response


def _drop(request: web.Request) -> web.StreamResponse:
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()
    return web.Response()
