"""The standard library's connections: kept, cut, never used twice for a write."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys

import pytest
from aiohttp import web

from tests.unit.adapters.kube_scripts import SleepClock
from tests.unit.adapters.kube_servers import Handler, serving
from vops.adapters.kube.brief import ENOUGH, BriefConnections
from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.request import Answer, Bounds, Request
from vops.adapters.kube.transport import HttpTransport
from vops.errors import Unreachable

GET = Request("GET", "/version")
PATCH = Request("PATCH", "/x", body=b"{}")


async def send(connections: BriefConnections, url: str, request: Request, *, timeout_s: float = 5.0) -> Answer:
    return await connections.send(Endpoint(url, "prod"), request, request.bounds(timeout_s))


class Counting:
    """Answers with `body`, and counts connections and requests; drops the connection before `drops` of them."""

    def __init__(self, body: bytes = b"{}", *, drops: set[int] | None = None) -> None:
        self.body = body
        self.drops = drops or set()
        self.peers: set[object] = set()
        self.methods: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        assert isinstance(request.transport, asyncio.Transport)
        self.peers.add(request.transport.get_extra_info("peername"))
        self.methods.append(request.method)
        if len(self.methods) in self.drops:
            request.transport.abort()
        return web.Response(body=self.body)


async def test_a_connection_is_kept_for_the_next_request() -> None:
    server = Counting()
    async with serving(server.handle) as url:
        connections = BriefConnections(Endpoint(url, "prod"))
        for _ in range(3):
            await send(connections, url, GET)
        connections.close()
    assert len(server.peers) == 1


async def test_a_connection_that_comes_back_after_the_end_is_closed() -> None:
    async with serving(Counting().handle) as url:
        connections = BriefConnections(Endpoint(url, "prod"))
        await send(connections, url, GET)
        kept, used = connections.take(GET.bounds(5.0))
        connections.close()
        connections.give_back(kept)
    assert used
    assert kept.sock is None


@pytest.mark.parametrize(("request_", "sent"), [(GET, ["GET", "GET", "GET"]), (PATCH, ["GET", "PATCH"])])
async def test_only_a_read_is_sent_again_over_a_new_connection(request_: Request, sent: list[str]) -> None:
    server = Counting(drops={2})
    async with serving(server.handle) as url:
        connections = BriefConnections(Endpoint(url, "prod"))
        await send(connections, url, GET)
        if request_ is GET:
            assert (await send(connections, url, GET)).status == 200
        else:
            with pytest.raises(Unreachable, match="the connection was cut"):
                await send(connections, url, request_)
        connections.close()
    assert server.methods == sent


async def test_a_compressed_answer_is_inflated() -> None:
    async def handle(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "gzip"
        return web.Response(body=gzip.compress(b"pods" * 1000), headers={"Content-Encoding": "gzip"})

    async with serving(handle) as url:
        connections = BriefConnections(Endpoint(url, "prod"))
        assert (await send(connections, url, GET)).body == b"pods" * 1000
        connections.close()


def _raw(answer: bytes, *, stay: bool = False) -> Handler:
    """Sends exactly these bytes and closes, or stays silent."""

    async def handle(request: web.Request) -> web.StreamResponse:
        assert isinstance(request.transport, asyncio.Transport)
        request.transport.write(answer)
        if stay:
            await asyncio.Event().wait()
        request.transport.close()
        return web.Response()

    return handle


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
)
async def test_half_an_answer_is_none(answer: bytes) -> None:
    async with serving(_raw(answer)) as url:
        connections = BriefConnections(Endpoint(url, "prod"))
        with pytest.raises(Unreachable):
            await send(connections, url, PATCH)


async def test_an_answer_that_stops_half_way_times_out() -> None:
    async with serving(_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", stay=True)) as url:
        connections = BriefConnections(Endpoint(url, "prod"))
        with pytest.raises(Unreachable, match="no answer in time"):
            await send(connections, url, GET, timeout_s=0.05)


async def test_a_cancelled_request_cuts_its_connection() -> None:
    came, left = asyncio.Event(), asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        came.set()
        assert await reader.read() == b""
        left.set()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        url = "http://{}:{}".format(*server.sockets[0].getsockname())
        task = asyncio.create_task(send(BriefConnections(Endpoint(url, "prod")), url, GET))
        await came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await left.wait()


async def test_many_requests_bring_in_the_pool() -> None:
    server = Counting()
    async with serving(server.handle) as url:
        transport = HttpTransport(Endpoint(url, "prod"), clock=SleepClock(), timeout_s=5)
        for _ in range(ENOUGH + 2):
            await transport.send(GET)
        assert transport._pool is not None
        await transport.close()
    assert len(server.peers) == 2


def test_a_short_command_loads_no_aiohttp() -> None:
    program = (
        "import asyncio, sys; from vops.adapters.kube import KubeCluster; from vops.errors import Unreachable\n"
        "async def main():\n"
        "    try: await KubeCluster.at('http://127.0.0.1:1').version()\n"
        "    except Unreachable as error: print(error.message)\n"
        "asyncio.run(main()); print('aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].endswith("at 127.0.0.1:1: connection refused")
    assert done.stdout.splitlines()[1] == "False"


def test_bounds_are_those_of_the_request_or_the_default() -> None:
    assert GET.bounds(10) == Bounds(connect_s=5, read_s=None, total_s=10)
    assert Request("GET", "/x", read_s=7).bounds(2) == Bounds(connect_s=2, read_s=7, total_s=None)
    assert Request("GET", "/x", total_s=0).bounds(2) == Bounds(connect_s=2, read_s=None, total_s=None)
