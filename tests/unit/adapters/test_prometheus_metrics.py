"""Queries reach a Prometheus through its client, and every way to fail is an error of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from requests import ReadTimeout

from vops.adapters.prometheus import PrometheusMetrics
from vops.errors import Forbidden, Rejected, Unauthorized, Unavailable, Unreachable, VopsError

RESULT = [{"metric": {"__name__": "up", "pod": "r0\x1b[2J"}, "value": [1.0, "1"]}]


class Prometheus:
    """A Prometheus on loopback; `status` and `body` are what it answers, `asked` the queries."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.body: Any = {"status": "success", "data": {"resultType": "vector", "result": RESULT}}
        self.asked: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        if isinstance(self.body, str):
            return web.Response(status=self.status, text=self.body)
        return web.json_response(self.body, status=self.status)


@pytest_asyncio.fixture
async def prometheus() -> AsyncIterator[Prometheus]:
    server = Prometheus()
    app = web.Application()
    app.router.add_route("*", "/api/v1/query", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


async def test_a_query_returns_its_vector_scrubbed(prometheus: Prometheus) -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    metrics = PrometheusMetrics(prometheus.url + "/")
    (found,) = await metrics.query('up{pod="r0"}', at)
    assert found == {"metric": {"__name__": "up", "pod": "r0\ufffd[2J"}, "value": [1.0, "1"]}
    assert prometheus.asked == [{"query": 'up{pod="r0"}', "time": f"{at.timestamp():.3f}"}]
    await metrics.close()


ANSWERS: list[tuple[int, Any, type[VopsError]]] = [
    (400, {"status": "error", "error": "parse error"}, Rejected),
    (401, "who are you", Unauthorized),
    (403, "no", Forbidden),
    (503, "starting", Unavailable),
    (200, "<html>Grafana</html>", Unreachable),
    (200, {"hello": "world"}, Unreachable),
]


@pytest.mark.parametrize(("status", "body", "error"), ANSWERS)
async def test_failures_are_errors_of_ours(
    prometheus: Prometheus, status: int, body: Any, error: type[VopsError]
) -> None:
    prometheus.status, prometheus.body = status, body
    metrics = PrometheusMetrics(prometheus.url)
    with pytest.raises(error):
        await metrics.query("up")
    await metrics.close()


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    metrics = PrometheusMetrics("http://127.0.0.1:1")
    with pytest.raises(Unreachable, match="no Prometheus answers at"):
        await metrics.query("up")
    await metrics.close()


class Slow:
    """A client whose Prometheus takes too long."""

    closed = False

    def custom_query(self, query: str, params: dict[str, str]) -> list[dict[str, Any]]:
        raise ReadTimeout("read timed out")

    def close(self) -> None:
        self.closed = True


async def test_a_slow_server_is_unavailable_and_closing_closes_the_client() -> None:
    client = Slow()
    metrics = PrometheusMetrics("http://prom", connect=lambda url, timeout_s: client)
    with pytest.raises(Unavailable, match="in time"):
        await metrics.query("up")
    await metrics.close()
    assert client.closed
