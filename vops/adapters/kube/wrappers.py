"""Two wrappers around a transport: ReadOnly refuses writes, Journalled reports them.

They sit below every method of the client, so that no author of a step or a screen can forget them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import msgspec

from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.errors import error_of
from vops.adapters.kube.request import CONNECTING, Answer, Request
from vops.adapters.kube.transport import Stream, Transport
from vops.errors import Refused, VopsError
from vops.model.secrets import mask
from vops.ports import WriteRecord

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse


class ReadOnly:
    """Lets through GET and HEAD, writes that are dry runs, access reviews, and forwarded ports."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    @property
    def endpoint(self) -> Endpoint:
        return self._inner.endpoint

    @property
    def readonly(self) -> bool:
        return True

    async def send(self, request: Request) -> Answer:
        self._check(request)
        return await self._inner.send(request)

    def open(self, request: Request) -> AbstractAsyncContextManager[Stream]:
        self._check(request)
        return self._inner.open(request)

    def websocket(
        self, request: Request, protocols: tuple[str, ...]
    ) -> AbstractAsyncContextManager[ClientWebSocketResponse]:
        # A GET may open a shell (exec, attach); a forwarded port carries only what the pod proxy was refused for.
        if request.subject.subresource != "portforward":
            raise _refused(request)
        return self._inner.websocket(request, protocols)

    async def close(self) -> None:
        await self._inner.close()

    def _check(self, request: Request) -> None:
        if request.writes and not request.is_dry_run:
            raise _refused(request)


def _refused(request: Request) -> Refused:
    return Refused(f"read-only: will not {request.subject}", hint="run it again without --readonly")


class Journalled:
    """Reports every write, dry runs included, before it is sent and after it was answered.

    When `record` raises before, nothing is sent.
    """

    def __init__(self, inner: Transport, record: Callable[[WriteRecord], None]) -> None:
        self._inner = inner
        self._record = record

    @property
    def endpoint(self) -> Endpoint:
        return self._inner.endpoint

    @property
    def readonly(self) -> bool:
        return self._inner.readonly

    async def send(self, request: Request) -> Answer:
        if not request.writes:
            return await self._inner.send(request)
        self._record(_before(request))
        try:
            answer = await self._inner.send(request)
        except VopsError as error:
            self._record(_after(request, 0, error.message))
            raise
        except asyncio.CancelledError:
            self._record(_after(request, 0, "cancelled while waiting for the answer"))
            raise
        failed = answer.status >= 300
        self._record(_after(request, answer.status, error_of(answer, request, self.endpoint).message if failed else ""))
        return answer

    def open(self, request: Request) -> AbstractAsyncContextManager[Stream]:
        return self._inner.open(request)

    def websocket(
        self, request: Request, protocols: tuple[str, ...]
    ) -> AbstractAsyncContextManager[ClientWebSocketResponse]:
        return self._inner.websocket(request, protocols)

    async def close(self) -> None:
        await self._inner.close()


def _before(request: Request) -> WriteRecord:
    return WriteRecord("before", request.method, request.path, dry_run=request.is_dry_run, body=_body(request))


def _after(request: Request, status: int, error: str) -> WriteRecord:
    return WriteRecord("after", request.method, request.path, dry_run=request.is_dry_run, status=status, error=error)


def _body(request: Request) -> Any:
    """What is written, secrets masked; nothing of a Secret, nor what is said to a pod (a prompt may be private)."""
    subject = request.subject
    if request.body is None or subject.resource == "secrets" or subject.subresource in CONNECTING:
        return None
    return mask(msgspec.json.decode(request.body))
