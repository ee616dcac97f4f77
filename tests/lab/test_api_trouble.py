from __future__ import annotations

import time

import aiohttp
import pytest

from tests.lab.http import CONFIG_MAPS, JSON_PATCH, WEB, Api, config_map, deployment
from vops.lab.server import LabServer
from vops.lab.store import Store


async def test_an_outage_breaks_watches_and_refuses_until_it_is_over(api: Api, store: Store, server: LabServer) -> None:
    store.create(config_map("a"))
    events = api.lines(CONFIG_MAPS)
    await anext(events)
    await server.outage()
    with pytest.raises((aiohttp.ClientError, StopAsyncIteration)):
        await anext(events)
    with pytest.raises(aiohttp.ClientConnectorError):
        await api("GET", CONFIG_MAPS)
    url = server.url
    assert await server.start() == url
    assert (await api("GET", CONFIG_MAPS)).names == ["a"]


async def test_the_next_requests_fail_as_planned(api: Api, server: LabServer) -> None:
    server.trouble.fail(503, times=2, path="/configmaps", retry_after_s=7)
    assert (await api("GET", "/healthz")).status == 200
    statuses = [await api("GET", CONFIG_MAPS) for _ in range(3)]
    assert [answer.status for answer in statuses] == [503, 503, 200]
    assert statuses[0].json["reason"] == "ServiceUnavailable"


async def test_trouble_can_wait_for_a_later_request(api: Api, server: LabServer) -> None:
    server.trouble.fail(500, after=1, method="GET", path="/configmaps")
    assert [(await api("GET", CONFIG_MAPS)).status for _ in range(3)] == [200, 500, 200]


async def test_a_write_can_land_without_an_answer(api: Api, store: Store, server: LabServer) -> None:
    server.trouble.drop(method="POST", after_write=True)
    with pytest.raises(aiohttp.ClientError):
        await api("POST", CONFIG_MAPS, config_map("x"))
    assert store.find("v1", "ConfigMap", "default", "x") is not None
    assert [request.status for request in server.writes] == [0]


async def test_a_write_can_be_lost(api: Api, store: Store, server: LabServer) -> None:
    server.trouble.drop(method="POST")
    with pytest.raises(aiohttp.ClientError):
        await api("POST", CONFIG_MAPS, config_map("x"))
    assert store.find("v1", "ConfigMap", "default", "x") is None


async def test_answers_can_be_late(api: Api, server: LabServer) -> None:
    server.trouble.latency_s = 0.05
    began = time.monotonic()
    await api("GET", CONFIG_MAPS)
    assert time.monotonic() - began >= 0.05


async def test_the_log_of_requests_tells_writes_from_dry_runs(api: Api, store: Store, server: LabServer) -> None:
    store.create(deployment())
    grow = [{"op": "replace", "path": "/spec/replicas", "value": 3}]
    await api("GET", WEB)
    await api("PATCH", WEB, grow, JSON_PATCH, dryRun="All")
    assert server.writes == []
    await api("PATCH", WEB, grow, JSON_PATCH)
    write = server.writes[0]
    assert (write.method, write.path, write.content_type, write.status) == ("PATCH", WEB, JSON_PATCH, 200)
    assert [request.method for request in server.requests] == ["GET", "PATCH", "PATCH"]


async def test_a_thousand_pods_are_listed_in_a_tenth_of_a_second(api: Api, store: Store) -> None:
    for index in range(1000):
        metadata = {"name": f"p{index:04}", "namespace": "default"}
        spec = {"containers": [{"name": "c", "image": "x:1", "args": ["--flag"] * 20}]}
        store.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    await api("GET", "/api/v1/pods", limit="1")
    began = time.perf_counter()
    answer = await api("GET", "/api/v1/pods")
    assert time.perf_counter() - began < 0.1
    assert len(answer.names) == 1000
