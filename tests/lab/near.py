"""A way to a lab without a network in between: what is asked is handed to its server, and what it says handed back.

A run on a lab makes hundreds of requests, and connections cost more than the answers. A request that trouble awaits
goes over the network all the same, as do watches and WebSockets: trouble is made where connections are.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any

from aiohttp import ClientWebSocketResponse, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from vops import __version__
from vops.adapters.kube import KubeCluster
from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.request import Answer, Request
from vops.adapters.kube.transport import HttpTransport, Stream, Transport
from vops.adapters.kube.wrappers import ReadOnly
from vops.lab.world import Lab
from vops.ports import Clock

TIMEOUT_S = 10.0
_NO_CONNECTION = SimpleNamespace(transport=None, ssl_context=None, peername=None, sockname=None)


class Near:
    """A transport (see vops.adapters.kube.transport) to a lab of this process."""

    def __init__(self, lab: Lab, endpoint: Endpoint, clock: Clock) -> None:
        self._server = lab.server
        self._far = HttpTransport(endpoint, clock=clock, timeout_s=TIMEOUT_S)

    @property
    def endpoint(self) -> Endpoint:
        return self._far.endpoint

    @property
    def readonly(self) -> bool:
        return False

    async def send(self, request: Request) -> Answer:
        if not self._server.spares(request.method, request.path):
            return await self._far.send(request)
        # Others may be asking at the same time: no request is answered before the next has been made.
        await asyncio.sleep(0)
        said = Said()
        response = await self._server.answer(_received(request, self.endpoint, said), request.body or b"")
        body = said.body or (response.body if isinstance(response, web.Response) else b"")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers, body if isinstance(body, bytes) else b"")

    def open(self, request: Request) -> AbstractAsyncContextManager[Stream]:
        return self._far.open(request)

    def websocket(
        self, request: Request, protocols: tuple[str, ...]
    ) -> AbstractAsyncContextManager[ClientWebSocketResponse]:
        return self._far.websocket(request, protocols)

    async def close(self) -> None:
        await self._far.close()


class Said(AbstractStreamWriter):
    """Keeps what a server writes piece by piece."""

    def __init__(self) -> None:
        self.body = b""

    async def write(self, chunk: Any) -> None:
        self.body += bytes(chunk)

    async def write_eof(self, chunk: bytes = b"") -> None:
        self.body += chunk

    async def drain(self) -> None: ...

    def enable_compression(self, *_: Any, **__: Any) -> None: ...

    def enable_chunking(self) -> None: ...

    async def write_headers(self, *_: Any) -> None: ...


def _received(request: Request, endpoint: Endpoint, said: Said) -> web.Request:
    """The request as it would arrive."""
    headers = CIMultiDict([*endpoint.headers, ("User-Agent", f"vops/{__version__}"), ("Accept", request.accept)])
    if request.body is not None:
        headers["Content-Type"] = request.content_type
    url = URL(request.url(""), encoded=True)
    message = RawRequestMessage(
        request.method, str(url), HttpVersion11, CIMultiDictProxy(headers), (), False, None, False, False, url
    )
    nothing: Any = None
    return web.Request(message, nothing, _NO_CONNECTION, said, nothing, asyncio.get_running_loop())  # type: ignore[arg-type]  # no connection


def cluster_of(lab: Lab, clock: Clock, *, namespace: str, readonly: bool = False) -> KubeCluster:
    """The lab's cluster, as `KubeCluster.at` gives it, but near."""
    headers = (("Authorization", f"Bearer {lab.token}"),)
    endpoint = Endpoint(lab.url, "lab", namespace, headers=headers, flags=f"--server {lab.url}")
    near: Transport = Near(lab, endpoint, clock)
    return KubeCluster(ReadOnly(near) if readonly else near, clock=clock, timeout_s=TIMEOUT_S)
