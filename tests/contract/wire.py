"""A transport between client and server that remembers every request and can answer one itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp

from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.request import Answer, Request
from vops.adapters.kube.transport import Transport


class Wire:
    """`instead(answer, watch=True)` answers the next such request; everything else reaches the server."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.requests: list[Request] = []
        self._planned: list[tuple[bool, Answer]] = []

    def instead(self, answer: Answer, *, watch: bool) -> None:
        self._planned.append((watch, answer))

    @property
    def endpoint(self) -> Endpoint:
        return self._inner.endpoint

    @property
    def readonly(self) -> bool:
        return self._inner.readonly

    async def send(self, request: Request) -> Answer:
        return self._take(request) or await self._inner.send(request)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Any]:
        planned = self._take(request)
        if planned:
            yield _Planned(planned)
            return
        async with self._inner.open(request) as stream:
            yield stream

    def websocket(
        self, request: Request, protocols: tuple[str, ...]
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        return self._inner.websocket(request, protocols)

    async def close(self) -> None:
        await self._inner.close()

    def _take(self, request: Request) -> Answer | None:
        self.requests.append(request)
        watching = "watch" in request.query
        planned = next((plan for plan in self._planned if plan[0] is watching), None)
        if planned is None:
            return None
        self._planned.remove(planned)
        return planned[1]


class _Planned:
    """An answer that looks like a stream."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.status = answer.status
        self.headers = answer.headers

    async def answer(self) -> Answer:
        return self._answer

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        yield self._answer.body
