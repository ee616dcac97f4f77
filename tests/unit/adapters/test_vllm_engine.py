"""What a vLLM server, an API server's proxy and the network can answer, and what that means."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from vops.adapters.vllm import DirectProxy, VllmEngine
from vops.errors import Forbidden, NotFound, Unavailable
from vops.model.objects import Kind
from vops.ports import ProxyAnswer

AT = datetime(2026, 11, 24, tzinfo=UTC)
PAGE = gzip.decompress((Path(__file__).parents[2] / "data/metrics/vllm-0.25.1-late.prom.gz").read_bytes())
WHERE = ("serving", "r0", 8000)


def engine(status: int = 200, body: bytes = b"", error: Exception | None = None) -> VllmEngine:
    """An engine whose every request is answered alike."""

    async def proxy(
        namespace: str, pod: str, port: int, path: str, *, method: str = "GET", body_: bytes | None = None, **_: Any
    ) -> ProxyAnswer:
        if error is not None:
            raise error
        return ProxyAnswer(status, body, 0.01)

    return VllmEngine(proxy, now=lambda: AT)


async def test_a_page_becomes_a_sample_of_now() -> None:
    found = await engine(body=PAGE).sample(*WHERE)
    assert (found.model, found.at, found.waiting) == ("llama3-8b", AT, 139)


async def test_an_exporters_page_becomes_gpus() -> None:
    page = b'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",pod="r0",namespace="serving"} 40\n'
    (gpu,) = await engine(body=page).samples("gpu", "dcgm", 9400)
    assert (gpu.pod, gpu.utilisation) == ("r0", 0.4)


def status_object(message: str) -> bytes:
    return json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": 503}).encode()


NO_ANSWERS = [
    (
        503,
        status_object("error trying to reach service: dial tcp 10.0.0.1:8000: connect: connection refused"),
        "refused",
    ),
    (503, b"Error trying to reach service: 'dial tcp 10.0.0.1:8000: connect: connection refused'", "refused"),
    (504, status_object("error trying to reach service: context deadline exceeded"), "timeout"),
    (503, status_object("error trying to reach service: dial tcp 10.0.0.1:8000: i/o timeout"), "timeout"),
    (503, status_object("error trying to reach service: no route to host"), "unreachable"),
    (503, b"engine is dead", "http-503"),
    (404, b'{"detail":"Not Found"}', "http-404"),
    (200, b"<html>some other server</html>", "no-metrics"),
    (200, b"", "no-metrics"),
]


@pytest.mark.parametrize(("status", "body", "reason"), NO_ANSWERS)
async def test_no_sample_says_how_the_server_does_not_answer(status: int, body: bytes, reason: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await engine(status, body).sample(*WHERE)
    assert caught.value.reason == reason
    assert "serving/r0:8000" in caught.value.message


THROWN = [
    (Unavailable("dial tcp: connect: connection refused", status=503), "refused"),
    (Unavailable("pod r0 does not answer on port 8000 within 10 s"), "timeout"),
]


@pytest.mark.parametrize(("error", "reason"), THROWN)
async def test_an_adapter_that_raises_means_the_same(error: Unavailable, reason: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await engine(error=error).sample(*WHERE)
    assert caught.value.reason == reason


async def test_a_proxy_that_is_not_granted_stays_forbidden() -> None:
    with pytest.raises(Forbidden):
        await engine(error=Forbidden("no", status=403)).sample(*WHERE)


async def test_words_of_a_hostile_server_are_scrubbed() -> None:
    with pytest.raises(Unavailable) as caught:
        await engine(500, b"\x1b]52;c;aGk=\x07" * 1000).sample(*WHERE)
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 300


async def test_version_models_and_health_are_read() -> None:
    models = b'{"object":"list","data":[{"id":"llama\\u001b","max_model_len":8192},7]}'
    assert await engine(body=b'{"version":"0.25.1"}').version(*WHERE) == "0.25.1"
    assert await engine(body=models).models(*WHERE) == [{"id": "llama\ufffd", "max_model_len": 8192}]
    assert [await engine(code).healthy(*WHERE) for code in (200, 503)] == [True, False]
    with pytest.raises(Unavailable, match="JSON"):
        await engine(body=b"<html>").version(*WHERE)


# --- direct addresses ---

Serve = Callable[[], Awaitable[int]]


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """A vLLM server on loopback."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=PAGE)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


class Pods:
    """Answers for `Cluster.get`, and counts."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def get(self, kind: Kind, name: str, namespace: str) -> dict[str, Any]:
        self.asked += 1
        return {"status": {"podIP": self.addresses[min(self.asked, len(self.addresses)) - 1]}}


async def test_pods_are_asked_at_their_own_addresses_which_are_remembered(port: int) -> None:
    pods = Pods("127.0.0.1")
    found = VllmEngine(DirectProxy(pods.get), now=lambda: AT)
    for _ in range(3):
        assert (await found.sample("serving", "r0", port)).running == 10
    assert pods.asked == 1
    await found.close()


async def test_an_address_that_does_not_answer_is_looked_up_anew(port: int) -> None:
    pods = Pods("127.0.0.2", "127.0.0.1")
    found = VllmEngine(DirectProxy(pods.get), now=lambda: AT)
    with pytest.raises(Unavailable) as caught:
        await found.sample("serving", "r0", port)
    assert caught.value.reason == "refused"
    assert (await found.sample("serving", "r0", port)).running == 10
    await found.close()


async def test_a_pod_without_an_address_is_not_found() -> None:
    with pytest.raises(NotFound, match="no address"):
        await DirectProxy(Pods("").get)("serving", "r0", 8000, "/metrics")
