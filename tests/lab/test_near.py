"""A lab that is asked without a network says what it says over one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.near import TIMEOUT_S, Near
from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.request import Request
from vops.adapters.kube.transport import HttpTransport
from vops.errors import Unreachable
from vops.lab.world import Lab

PODS = "/api/v1/namespaces/inference/pods"
ENGINE = "/apis/apps/v1/namespaces/inference/deployments/llama3-8b"
PATCH = b'[{"op": "test", "path": "/spec/replicas", "value": 2}, {"op": "replace", "path": "/spec/paused", "value": 7}]'
REQUESTS = {
    "a list": Request("GET", PODS, {"limit": "2"}),
    "a document": Request("GET", ENGINE),
    "a log": Request("GET", f"{PODS}/POD/log", {"container": "vllm", "tailLines": "20"}, accept="*/*"),
    "a pod's own answer": Request("GET", f"{PODS}/POD:8000/proxy/metrics", accept="*/*"),
    "what is not there": Request("GET", f"{PODS}/nobody"),
    "what is not served": Request("GET", "/apis/nobody.example/v1/things"),
    "a refused write": Request("PATCH", ENGINE, {"dryRun": "All"}, PATCH, "application/json-patch+json"),
    "a broken body": Request("POST", PODS, body=b"{"),
}


@pytest_asyncio.fixture
async def lab(start_lab: StartLab) -> Lab:
    return await start_lab("healthy")


@pytest_asyncio.fixture
async def ways(lab: Lab) -> AsyncIterator[tuple[Near, HttpTransport]]:
    endpoint = Endpoint(lab.url, "lab", headers=(("Authorization", f"Bearer {lab.token}"),))
    near, far = Near(lab, endpoint, lab.clock), HttpTransport(endpoint, clock=lab.clock, timeout_s=TIMEOUT_S)
    yield near, far
    await near.close()
    await far.close()


@pytest.mark.parametrize("name", REQUESTS)
async def test_both_ways_give_the_same_answer_and_leave_the_same_trace(
    name: str, lab: Lab, ways: tuple[Near, HttpTransport]
) -> None:
    pods = (item["metadata"]["name"] for item in lab.store.list("v1", "Pod", "inference"))
    asked = REQUESTS[name]
    pod = next(item for item in pods if item.startswith("llama3-8b"))
    given = msgspec.structs.replace(asked, path=asked.path.replace("POD", pod))
    near, far = [await way.send(given) for way in ways]
    assert (near.status, near.body) == (far.status, far.body)
    assert near.headers.get("content-type") == far.headers.get("content-type")
    assert near.body
    first, second = lab.server.requests
    assert first == second


async def test_who_has_no_token_is_not_let_in(lab: Lab) -> None:
    near = Near(lab, Endpoint(lab.url, "lab"), lab.clock)
    assert (await near.send(REQUESTS["a document"])).status == 401
    await near.close()


@pytest.mark.parametrize("after_write", [False, True])
async def test_trouble_comes_over_the_network(lab: Lab, ways: tuple[Near, HttpTransport], after_write: bool) -> None:
    lab.server.trouble.drop(path="/deployments/", method="PATCH", after_write=after_write)
    with pytest.raises(Unreachable):
        await ways[0].send(REQUESTS["a refused write"])
    assert (await ways[0].send(REQUESTS["a refused write"])).status == 422
    await lab.server.outage()
    with pytest.raises(Unreachable):
        await ways[0].send(REQUESTS["a document"])
