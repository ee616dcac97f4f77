"""The read-only transport refuses, the journalled one reports."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.adapters.kube_scripts import Scripted, ScriptedTransport, refusal
from vops.adapters.kube.request import Answer, Request, encoded
from vops.adapters.kube.wrappers import Journalled, ReadOnly
from vops.errors import Refused, Unreachable
from vops.ports import WriteRecord

POD = "/api/v1/namespaces/ml/pods/p"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WRITE = Request("PATCH", POD, body=encoded([{"op": "remove", "path": "/x"}]))
OK = Scripted(200, b"{}")


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "/api/v1/namespaces/ml/pods"),
        Request("PUT", POD),
        WRITE,
        Request("DELETE", POD),
        Request("DELETE", POD, {"dryRun": "All"}, encoded({})),
        Request("POST", f"{POD}:8000/proxy/v1/completions", {"dryRun": "All"}),
        Request("POST", f"{POD}/exec"),
        Request("POST", f"{POD}/eviction"),
        Request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
    ],
)
async def test_read_only_sends_no_write(request_: Request) -> None:
    inner = ScriptedTransport(OK)
    with pytest.raises(Refused, match="read-only"):
        await ReadOnly(inner).send(request_)
    with pytest.raises(Refused):
        ReadOnly(inner).open(request_)
    assert inner.requests == []


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", POD),
        Request("HEAD", POD),
        Request("POST", REVIEW),
        Request("PATCH", POD, {"dryRun": "All"}),
        Request("DELETE", POD, body=encoded({"dryRun": ["All"]})),
    ],
)
async def test_read_only_sends_what_changes_nothing(request_: Request) -> None:
    inner = ScriptedTransport(OK)
    await ReadOnly(inner).send(request_)
    assert inner.requests == [request_]


@pytest.mark.parametrize("subresource", ["exec", "attach", "proxy"])
def test_read_only_opens_no_shell(subresource: str) -> None:
    with pytest.raises(Refused):
        ReadOnly(ScriptedTransport(OK)).websocket(Request("GET", f"{POD}/{subresource}"), ())


async def test_a_write_is_reported_before_it_is_sent() -> None:
    inner = ScriptedTransport(OK)
    sent_when_reported: list[int] = []
    records: list[WriteRecord] = []

    def record(record: WriteRecord) -> None:
        records.append(record)
        sent_when_reported.append(len(inner.requests))

    await Journalled(inner, record).send(WRITE)
    assert sent_when_reported == [0, 1]
    assert records[0] == WriteRecord("before", "PATCH", POD, body=[{"op": "remove", "path": "/x"}])
    assert records[1] == WriteRecord("after", "PATCH", POD, status=200)


async def test_nothing_is_sent_that_could_not_be_reported() -> None:
    inner = ScriptedTransport(OK)

    def full(record: WriteRecord) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        await Journalled(inner, full).send(WRITE)
    assert inner.requests == []


async def test_a_write_without_an_answer_is_reported_as_one_that_may_have_landed() -> None:
    records: list[WriteRecord] = []
    with pytest.raises(Unreachable):
        await Journalled(ScriptedTransport(Unreachable("cut")), records.append).send(WRITE)
    assert (records[1].status, records[1].error) == (0, "cut")


async def test_a_cancelled_write_is_reported_too() -> None:
    records: list[WriteRecord] = []

    class Hanging(ScriptedTransport):
        async def send(self, request: Request) -> Answer:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Journalled(Hanging(OK), records.append).send(WRITE)
    assert "cancelled" in records[1].error


async def test_a_refused_write_is_reported_with_its_status() -> None:
    records: list[WriteRecord] = []
    await Journalled(ScriptedTransport(refusal(409, message="changed")), records.append).send(WRITE)
    assert records[1].status == 409
    assert "changed" in records[1].error


@pytest.mark.parametrize("request_", [Request("GET", POD), Request("POST", REVIEW)])
async def test_reads_are_not_reported(request_: Request) -> None:
    records: list[WriteRecord] = []
    await Journalled(ScriptedTransport(OK), records.append).send(request_)
    assert records == []


@pytest.mark.parametrize(
    "path", ["/api/v1/namespaces/ml/secrets", f"{POD}:8000/proxy/v1/completions", "/api/v1/namespaces/ml/secrets/s"]
)
async def test_secrets_and_prompts_are_not_reported(path: str) -> None:
    records: list[WriteRecord] = []
    await Journalled(ScriptedTransport(OK), records.append).send(Request("POST", path, body=encoded({"a": "hush"})))
    assert records[0].body is None


async def test_tokens_in_plain_sight_are_masked() -> None:
    records: list[WriteRecord] = []
    add = {"op": "add", "path": "/spec/x/env/-", "value": {"name": "HF_TOKEN", "value": "hf_abcdefghijklmnopqrst"}}
    await Journalled(ScriptedTransport(OK), records.append).send(Request("PATCH", POD, body=encoded([add])))
    assert "hf_abc" not in str(records)
