"""HttpTransport against a server: what it sends, how it logs in again, what it says when nobody answers."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from tests.unit.adapters.kube_scripts import START, SleepClock
from tests.unit.adapters.kube_servers import Handler, serving
from vops import __version__
from vops.adapters.kube import transport
from vops.adapters.kube.endpoint import Endpoint, Renew
from vops.adapters.kube.request import Request
from vops.adapters.kube.transport import HttpTransport
from vops.errors import Unauthorized, Unreachable
from vops.ports import Meter

VERSION = Request("GET", "/version")


def token(value: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {value}"),)


def renewing(*endpoints: Endpoint) -> tuple[Renew, list[Endpoint]]:
    """A login that gives these endpoints in turn (the last one again and again), and what it has given."""
    given: list[Endpoint] = []

    async def renew() -> Endpoint:
        given.append(endpoints[min(len(given), len(endpoints) - 1)])
        return given[-1]

    return renew, given


@pytest.fixture(params=["brief", "pooled"], autouse=True)
def connections(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test is made with both kinds of connections."""
    kind = str(request.param)
    if kind == "pooled":
        monkeypatch.setattr(transport, "ENOUGH", 0)
    return kind


@asynccontextmanager
async def transport_to(
    endpoint: Endpoint, *, renew: Renew | None = None, clock: SleepClock | None = None, timeout_s: float = 5.0
) -> AsyncIterator[HttpTransport]:
    made = HttpTransport(endpoint, clock=clock or SleepClock(), timeout_s=timeout_s, renew=renew)
    try:
        yield made
    finally:
        await made.close()


def accepting(good: str, seen: list[str]) -> Handler:
    """Lets in the bearer of the token `good`, and notes every token that comes."""

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"].removeprefix("Bearer "))
        return web.Response(status=200 if seen[-1] == good else 401)

    return handle


async def test_a_request_carries_what_was_asked_for_and_who_asks() -> None:
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response({"body": (await request.read()).decode()})

    headers = (*token("t"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
    async with serving(handle) as url, transport_to(Endpoint(f"{url}/k8s/c-1", "prod", headers=headers)) as carrier:
        request = Request(
            "PATCH", "/api/v1/x%2Fy", {"labelSelector": "a in (b, c)"}, b"[]", "application/json-patch+json"
        )
        answer = await carrier.send(request)
    assert answer.body == b'{"body": "[]"}'
    assert seen[0].rel_url.raw_path == "/k8s/c-1/api/v1/x%2Fy"
    assert seen[0].query == {"labelSelector": "a in (b, c)"}
    assert seen[0].content_type == "application/json-patch+json"
    assert seen[0].headers.getall("Impersonate-Group") == ["a", "b"]
    assert seen[0].headers["User-Agent"] == f"vops/{__version__}"


async def test_what_comes_in_is_counted_whichever_way_it_comes() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1000)

    meter = Meter()
    async with serving(handle) as url:
        carrier = HttpTransport(Endpoint(url, "prod"), clock=SleepClock(), timeout_s=5, meter=meter)
        await carrier.send(Request("GET", "/a"))
        assert meter.bytes == 1000
        async with carrier.open(Request("GET", "/b")) as stream:
            await stream.answer()
        await carrier.close()
    assert meter.bytes == 2000


async def test_a_query_in_the_path_of_a_proxied_request_is_kept() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(text=request.rel_url.raw_query_string)

    async with serving(handle) as url, transport_to(Endpoint(url, "prod")) as carrier:
        answer = await carrier.send(Request("GET", "/api/v1/namespaces/ml/pods/p:1/proxy/x?a=b%20c"))
    assert answer.body in (b"a=b%20c", b"a=b+c")


async def test_expired_credentials_are_renewed_before_they_are_used() -> None:
    seen: list[str] = []
    async with serving(accepting("new", seen)) as url:
        old = Endpoint(url, "prod", headers=token("old"), expires=START + timedelta(seconds=10))
        renew, given = renewing(dataclasses.replace(old, headers=token("new"), expires=START + timedelta(hours=1)))
        async with transport_to(old, renew=renew) as carrier:
            await asyncio.gather(*(carrier.send(VERSION) for _ in range(6)))
    assert set(seen) == {"new"}
    assert len(given) == 1


async def test_refused_credentials_are_renewed_once_for_all_who_wait() -> None:
    seen: list[str] = []
    async with serving(accepting("new", seen)) as url:
        old = Endpoint(url, "prod", headers=token("old"))
        renew, given = renewing(dataclasses.replace(old, headers=token("new")))
        async with transport_to(old, renew=renew) as carrier:
            answers = await asyncio.gather(*(carrier.send(VERSION) for _ in range(6)))
    assert {answer.status for answer in answers} == {200}
    assert len(given) == 1


async def test_a_login_that_gives_the_same_again_is_not_repeated_at_once() -> None:
    seen: list[str] = []
    clock = SleepClock()
    async with serving(accepting("new", seen)) as url:
        old = Endpoint(url, "prod", headers=token("old"))
        renew, given = renewing(old)
        async with transport_to(old, renew=renew, clock=clock) as carrier:
            for _ in range(3):
                assert (await carrier.send(VERSION)).status == 401
            assert (seen, len(given)) == (["old"] * 3, 1)
            await clock.sleep(5)
            await carrier.send(VERSION)
    assert len(given) == 2


async def test_a_login_that_fails_is_the_error_of_the_request() -> None:
    async def renew() -> Endpoint:
        raise Unauthorized("the login plugin 'aws' failed")

    async with (
        serving(accepting("new", [])) as url,
        transport_to(Endpoint(url, "prod", headers=token("old")), renew=renew) as carrier,
    ):
        with pytest.raises(Unauthorized, match="'aws' failed"):
            await carrier.send(VERSION)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A self-signed certificate for `inner.example`, and its key."""
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = str(directory / "cert.pem"), str(directory / "key.pem")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=inner.example"
    )
    names = ["-addext", "subjectAltName=DNS:inner.example"]
    subprocess.run([*command.split(), *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def serving_tls(certificate: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


async def _fine(request: web.Request) -> web.Response:
    return web.Response()


async def test_a_certificate_is_checked_against_the_server_name(certificate: tuple[str, str]) -> None:
    trusting = ssl.create_default_context(cafile=certificate[0])
    async with serving(_fine, tls=serving_tls(certificate)) as url:
        async with transport_to(Endpoint(url, "prod", tls=trusting, server_name="inner.example")) as carrier:
            assert (await carrier.send(VERSION)).status == 200
        async with transport_to(Endpoint(url, "prod", tls=trusting)) as carrier:
            with pytest.raises(Unreachable, match="certificate is not trusted"):
                await carrier.send(VERSION)


async def test_an_unknown_certificate_is_not_trusted(certificate: tuple[str, str]) -> None:
    endpoint = Endpoint("", "prod", tls=ssl.create_default_context(), server_name="inner.example")
    async with (
        serving(_fine, tls=serving_tls(certificate)) as url,
        transport_to(dataclasses.replace(endpoint, url=url)) as carrier,
    ):
        with pytest.raises(Unreachable, match="self-signed certificate"):
            await carrier.send(VERSION)


async def test_a_closed_port_is_refused_by_name() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        async with transport_to(Endpoint(f"http://127.0.0.1:{port}", "prod")) as carrier:
            with pytest.raises(Unreachable, match=f"'prod' at 127.0.0.1:{port}: connection refused"):
                await carrier.send(VERSION)


async def test_a_server_that_accepts_and_says_nothing_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        endpoint = Endpoint(f"http://127.0.0.1:{mute.getsockname()[1]}", "prod")
        async with transport_to(endpoint, timeout_s=0.05) as carrier:
            with pytest.raises(Unreachable, match="no answer in time"):
                await carrier.send(VERSION)


def _cut(request: web.Request) -> None:
    assert isinstance(request.transport, asyncio.Transport)
    request.transport.abort()


async def test_an_answer_that_is_cut_is_unreachable() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        _cut(request)
        return response

    async with serving(handle) as url, transport_to(Endpoint(url, "prod")) as carrier:
        with pytest.raises(Unreachable, match=r"the connection was cut|reset"):
            await carrier.send(VERSION)


async def test_redirects_are_not_followed_with_credentials() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://elsewhere.example/"})

    async with serving(handle) as url, transport_to(Endpoint(url, "prod", headers=token("t"))) as carrier:
        assert (await carrier.send(VERSION)).status == 302


@pytest.mark.parametrize("leave", ["close", "abandon"])
async def test_a_stream_that_is_left_gives_its_connection_back(leave: str) -> None:
    ended = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"line\n")
                await asyncio.sleep(0)
        except ConnectionError:
            ended.set()
        return response

    async with serving(handle) as url, transport_to(Endpoint(url, "prod")) as carrier:
        async with carrier.open(Request("GET", "/logs", total_s=0)) as stream:
            chunks = stream.chunks()
            assert (await anext(chunks)).startswith(b"line")
            if leave == "close":
                await chunks.aclose()
        async with asyncio.timeout(5):
            await ended.wait()
