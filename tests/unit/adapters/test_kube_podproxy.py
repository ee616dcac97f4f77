"""HTTP to a pod: the pod proxy first, a forwarded port where that is refused or blocked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from tests.unit.adapters.kube_scripts import Scripted, ScriptedTransport, SleepClock, refusal
from tests.unit.adapters.kube_servers import serving
from vops.adapters.kube.client import KubeCluster
from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.portforward import is_whole
from vops.errors import Forbidden, NotFound, Unavailable, Unreachable, VopsError

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbus\r\n1\r\ny\r\n0\r\n\r\n"
REFUSED = "error trying to reach service: dial tcp 10.0.0.1:8000: connect: connection refused"
BLOCKED = "error trying to reach service: dial tcp 10.0.0.1:8000: i/o timeout"


class Pods:
    """An API server that answers the pod proxy with `proxy` and forwards port 8000, where `says` is said."""

    def __init__(self, proxy: Scripted, *, says: bytes = PAGE, forward: int = 101, error: str = "") -> None:
        self.proxy = proxy
        self.says = says
        self.forward = forward
        self.error = error
        self.closes = not says.startswith(b"HTTP")
        self.seen: list[str] = []
        self.received = b""
        self.asked = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        subresource = request.path.split("/")[7]
        self.seen.append(subresource)
        if subresource == "proxy":
            return web.Response(status=self.proxy.status, body=self.proxy.body, content_type="application/json")
        if self.forward != 101:
            return web.Response(status=self.forward)
        return await self._forwarded(request)

    async def _forwarded(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        port = int(request.query["ports"]).to_bytes(2, "little")
        await socket.send_bytes(b"\x00" + port)
        await socket.send_bytes(b"\x01" + port)
        if self.error:
            await socket.send_bytes(b"\x01" + self.error.encode())
        message = await socket.receive()
        if message.type is WSMsgType.BINARY:
            self.received = message.data
            self.asked.set()
        for at in range(0, len(self.says), 9):
            await socket.send_bytes(b"\x00" + self.says[at : at + 9])
        if self.closes:
            await socket.close()
        else:
            await socket.receive()
        return socket


@asynccontextmanager
async def cluster_of(pods: Pods, *, clock: SleepClock | None = None) -> AsyncIterator[KubeCluster]:
    async with serving(pods.handle) as url:
        cluster = KubeCluster.over(Endpoint(url, "prod"), clock=clock or SleepClock(), timeout_s=5)
        try:
            yield cluster
        finally:
            await cluster.close()


@pytest.mark.parametrize(("status", "body"), [(200, b"vllm:x 1"), (404, b'{"detail":"Not Found"}'), (503, b"")])
async def test_what_the_pod_says_is_its_answer_whatever_the_status(status: int, body: bytes) -> None:
    pods = Pods(Scripted(status, body))
    async with cluster_of(pods) as cluster:
        answer = await cluster.proxy("ml", "p", 8000, "/metrics")
    assert (answer.status, answer.body) == (status, body)
    assert pods.seen == ["proxy"]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (refusal(404, message='pods "p" not found'), NotFound),
        (refusal(503, message=REFUSED), Unavailable),
        (Scripted(503, f"E{REFUSED[1:]}".encode()), Unavailable),
    ],
)
async def test_what_the_api_server_says_of_the_pod_is_an_error(script: Scripted, kind: type[VopsError]) -> None:
    pods = Pods(script)
    async with cluster_of(pods) as cluster:
        with pytest.raises(kind):
            await cluster.proxy("ml", "p", 8000, "/metrics")
    assert pods.seen == ["proxy"]


@pytest.mark.parametrize(
    "script", [refusal(403), refusal(400, message="address not allowed"), refusal(503, message=BLOCKED)]
)
async def test_where_the_proxy_is_refused_or_blocked_a_port_is_forwarded(script: Scripted) -> None:
    pods = Pods(script)
    async with cluster_of(pods) as cluster:
        answer = await cluster.proxy("ml", "p", 8000, "/metrics?x=1")
    assert (answer.status, answer.body) == (200, b"hello")
    assert pods.received.startswith(b"\x00GET /metrics?x=1 HTTP/1.1\r\nHost: p:8000\r\n")


async def test_chunks_and_statuses_come_through_a_forwarded_port() -> None:
    async with cluster_of(Pods(refusal(403), says=CHUNKED)) as cluster:
        answer = await cluster.proxy("ml", "p", 8000, "/health")
    assert (answer.status, answer.body) == (503, b"busy")


async def test_a_body_goes_through_a_forwarded_port() -> None:
    pods = Pods(refusal(403))
    async with cluster_of(pods) as cluster:
        await cluster.proxy("ml", "p", 8000, "/v1/completions", method="POST", body=b'{"a":1}')
    assert pods.received.endswith(b'Content-Length: 7\r\n\r\n{"a":1}')


async def test_the_way_that_works_is_remembered_for_a_minute() -> None:
    pods, clock = Pods(refusal(403)), SleepClock()
    async with cluster_of(pods, clock=clock) as cluster:
        await cluster.proxy("ml", "p", 8000, "/metrics")
        await cluster.proxy("ml", "p", 8000, "/metrics")
        assert pods.seen == ["proxy", "portforward", "portforward"]
        await clock.sleep(60)
        await cluster.proxy("ml", "p", 8000, "/metrics")
    assert pods.seen[3:] == ["proxy", "portforward"]


async def test_a_way_that_nobody_allows_is_not_tried_for_a_minute() -> None:
    pods = Pods(refusal(403), forward=403)
    async with cluster_of(pods) as cluster:
        for _ in range(3):
            with pytest.raises(Forbidden) as raised:
                await cluster.proxy("ml", "p", 8000, "/metrics")
            assert "auth can-i get pods --subresource=proxy -n ml" in raised.value.hint
    assert pods.seen == ["proxy", "portforward"]


async def test_a_forwarded_port_on_which_nobody_listens_is_unavailable() -> None:
    pods = Pods(refusal(403), error="failed to connect to localhost:8000 inside namespace", says=b"")
    async with cluster_of(pods) as cluster:
        for _ in range(2):
            with pytest.raises(Unavailable, match="failed to connect to localhost:8000"):
                await cluster.proxy("ml", "p", 8000, "/metrics")
    assert pods.seen == ["proxy", "portforward", "portforward"]


async def test_an_answer_that_the_pod_breaks_off_is_unavailable() -> None:
    async with cluster_of(Pods(refusal(403), says=b"not HTTP at all")) as cluster:
        with pytest.raises(Unavailable, match="nothing that is HTTP"):
            await cluster.proxy("ml", "p", 8000, "/metrics")


async def test_a_pod_without_an_address_is_unavailable() -> None:
    async with cluster_of(Pods(refusal(400, message="address not allowed"), forward=400)) as cluster:
        with pytest.raises(Unavailable, match="pod p in namespace ml has no address"):
            await cluster.proxy("ml", "p", 8000, "/metrics")


async def test_a_pod_that_hangs_is_unavailable_and_not_the_api_server() -> None:
    transport = ScriptedTransport(Unreachable("no answer in time", reason="timeout"))
    cluster = KubeCluster(transport, clock=transport.clock, timeout_s=10)
    with pytest.raises(Unavailable, match="pod p in namespace ml does not answer on port 8000 within 10 s"):
        await cluster.proxy("ml", "p", 8000, "/metrics")


@pytest.mark.parametrize(
    ("received", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Le", False),
        (PAGE[:-1], False),
        (PAGE, True),
        (CHUNKED[:-5], False),
        (CHUNKED, True),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil it closes", False),
    ],
)
def test_an_answer_is_whole_when_its_head_says_so(received: bytes, whole: bool) -> None:
    assert is_whole(received) is whole


async def test_a_cancelled_request_closes_its_forwarded_port() -> None:
    pods = Pods(refusal(403), says=b"HTTP/1.1 200 OK\r\n")
    async with cluster_of(pods) as cluster:
        task = asyncio.create_task(cluster.proxy("ml", "p", 8000, "/metrics"))
        await pods.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
