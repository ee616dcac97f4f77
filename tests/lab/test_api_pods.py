from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.lab.http import PODS, Api, FakeContainers, pod, running, waiting
from vops.lab.providers import LogLine, ProxyResponse
from vops.lab.store import Store

LOG = f"{PODS}/p/log"


def place(store: Store, **members: object) -> None:
    store.create(pod("p", nodeName="n", **{"status": running(), **members}))  # type: ignore[arg-type]  # passed on as they came


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "one\ntwo\nthree\n"),
        ({"tailLines": "2"}, "two\nthree\n"),
        ({"tailLines": "0"}, ""),
        ({"limitBytes": "6"}, "one\ntw"),
        ({"sinceSeconds": "4"}, "two\nthree\n"),
        ({"tailLines": "1", "timestamps": "true"}, "2026-01-02T03:04:02.000000000Z three\n"),
    ],
)
async def test_logs(api: Api, store: Store, containers: FakeContainers, query: dict[str, str], text: str) -> None:
    place(store)
    containers.write("one", "two", "three")
    answer = await api("GET", LOG, **query)
    assert (answer.status, answer.text) == (200, text)


async def test_followed_logs_arrive_as_they_are_written(api: Api, store: Store, containers: FakeContainers) -> None:
    place(store)
    containers.write("one")
    lines = api.chunks(LOG, follow="true")
    assert await anext(lines) == "one\n"
    containers.coming.put_nowait(LogLine(datetime(2026, 1, 2, tzinfo=UTC), "two"))
    assert await anext(lines) == "two\n"
    containers.coming.put_nowait(None)
    assert [line async for line in lines] == []


async def test_previous_logs(api: Api, store: Store, containers: FakeContainers) -> None:
    place(store, status=running(last={"exitCode": 1, "containerID": "x"}))
    containers.before = [LogLine(datetime(2026, 1, 2, tzinfo=UTC), "boom")]
    assert (await api("GET", LOG, previous="true")).text == "boom\n"


@pytest.mark.parametrize(
    ("status", "query", "message"),
    [
        (running(), {"previous": "true"}, 'previous terminated container "vllm" in pod "p" not found'),
        (
            waiting("ContainerCreating"),
            {},
            'container "vllm" in pod "p" is waiting to start: ContainerCreating',
        ),
        (
            waiting("ImagePullBackOff"),
            {},
            'container "vllm" in pod "p" is waiting to start: trying and failing to pull image',
        ),
        (waiting("ErrImagePull"), {}, 'container "vllm" in pod "p" is waiting to start: image can\'t be pulled'),
        (running(), {"container": "zz"}, "container zz is not valid for pod p"),
    ],
)
async def test_logs_that_are_not_there(
    api: Api, store: Store, status: dict[str, object], query: dict[str, str], message: str
) -> None:
    place(store, status=status)
    refused = await api("GET", LOG, **query)
    assert (refused.status, refused.json["reason"], refused.message) == (400, "BadRequest", message)


async def test_a_container_has_to_be_named_when_there_are_several(api: Api, store: Store) -> None:
    place(store, containers=[{"name": "a", "image": "x"}, {"name": "b", "image": "x"}])
    refused = await api("GET", LOG)
    assert refused.message == "a container name must be specified for pod p, choose one of: [a b]"


async def test_a_pod_without_a_node_has_an_empty_log(api: Api, store: Store) -> None:
    store.create(pod("p"))
    assert (await api("GET", LOG)).status == 204


@pytest.mark.parametrize("name", ["p:8000", "http:p:8000", "p"])
async def test_the_proxy_passes_requests_on(api: Api, store: Store, containers: FakeContainers, name: str) -> None:
    place(store)
    containers.answer = ProxyResponse(418, b"# HELP x", {"Content-Type": "text/plain; version=0.0.4"})
    answer = await api("GET", f"{PODS}/{name}/proxy/v1/models", q="1")
    asked = containers.asked[0]
    assert (answer.status, answer.text) == (418, "# HELP x")
    assert (asked.pod, asked.port, asked.path, asked.query) == ("p", 8000, "/v1/models", "q=1")


async def test_the_proxy_passes_bodies_on(api: Api, store: Store, containers: FakeContainers) -> None:
    place(store)
    containers.answer = ProxyResponse()
    await api("POST", f"{PODS}/p:8000/proxy/v1/completions", {"prompt": "hi"})
    assert (containers.asked[0].method, containers.asked[0].body) == ("POST", b'{"prompt": "hi"}')


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (running(), 503, "error trying to reach service: dial tcp 10.0.0.9:8000: connect: connection refused"),
        ({"phase": "Pending"}, 400, "address not allowed"),
    ],
)
async def test_a_pod_that_cannot_be_reached(
    api: Api, store: Store, status: dict[str, object], code: int, message: str
) -> None:
    place(store, status=status)
    refused = await api("GET", f"{PODS}/p:8000/proxy/metrics")
    assert (refused.status, refused.message) == (code, message)
