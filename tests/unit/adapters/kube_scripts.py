"""What the tests of the Kubernetes adapter share: a clock that only sleeping moves, and a transport with a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.request import Answer, Request
from vops.errors import VopsError

START = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
ENDPOINT = Endpoint(url="https://api.example:6443", context="prod", flags="--context prod")


class SleepClock:
    """Time stands still but for sleeping, which takes none."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.elapsed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds
        await asyncio.sleep(0)


@dataclass
class Scripted:
    """One answer: a status and a body, or the chunks of a stream that takes `lasts_s` and then ends as `ends` says."""

    status: int = 200
    body: bytes = b""
    chunks: Sequence[bytes] = ()
    lasts_s: float = 0.0
    ends: VopsError | None = None
    headers: dict[str, str] = field(default_factory=dict)


class ScriptedStream:
    def __init__(self, script: Scripted, clock: SleepClock) -> None:
        self._script = script
        self._clock = clock
        self.status = script.status
        self.headers = script.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for chunk in self._script.chunks:
            yield chunk
        self._clock.elapsed += self._script.lasts_s
        if self._script.ends:
            raise self._script.ends

    async def answer(self, limit: int = 0) -> Answer:
        return Answer(self._script.status, self._script.headers, self._script.body)


class ScriptedTransport:
    """Gives the scripted answers in their order, the last one again and again; errors are raised."""

    def __init__(self, *script: Scripted | VopsError, clock: SleepClock | None = None) -> None:
        self.script = list(script)
        self.clock = clock or SleepClock()
        self.requests: list[Request] = []
        self.endpoint = ENDPOINT
        self.readonly = False

    def _next(self, request: Request) -> Scripted:
        self.requests.append(request)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, VopsError):
            raise step
        return step

    async def send(self, request: Request) -> Answer:
        step = self._next(request)
        return Answer(step.status, step.headers, step.body)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Any]:
        yield ScriptedStream(self._next(request), self.clock)

    def websocket(
        self, request: Request, protocols: tuple[str, ...]
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def refusal(code: int, reason: str = "", message: str = "no", **details: Any) -> Scripted:
    """The Status object with which an API server refuses."""
    status = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return Scripted(code, json.dumps(status).encode(), headers={"content-type": "application/json"})


def pod(name: str, version: int = 1, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ml", "resourceVersion": str(version), **metadata}}


def page(*items: dict[str, Any], version: int = 10, continue_: str = "") -> Scripted:
    """One page of a LIST."""
    metadata = {"resourceVersion": str(version), "continue": continue_}
    return Scripted(body=json.dumps({"kind": "PodList", "metadata": metadata, "items": items}).encode())


def event(type_: str, item: dict[str, Any]) -> bytes:
    """One line of a WATCH."""
    return json.dumps({"type": type_, "object": item}).encode() + b"\n"
