"""Logs: the newest part, scrubbed, and what a missing one is."""

from __future__ import annotations

import pytest

from tests.unit.adapters.kube_scripts import Scripted, ScriptedTransport, refusal
from vops.adapters.kube.client import KubeCluster
from vops.errors import NotFound, Rejected, Unavailable, Unreachable, VopsError


def cluster(*script: Scripted | VopsError) -> tuple[KubeCluster, ScriptedTransport]:
    transport = ScriptedTransport(*script)
    return KubeCluster(transport, clock=transport.clock, timeout_s=10), transport


async def test_a_log_is_scrubbed_text() -> None:
    kube, transport = cluster(Scripted(body=b"INFO ok\r\n\x1b[31mred\xff\n"))
    assert await kube.logs("ml", "p", "vllm", previous=True, tail_lines=7) == "INFO ok\n\ufffd[31mred\ufffd\n"
    query = transport.requests[0].query
    assert (query["container"], query["previous"], query["tailLines"]) == ("vllm", "true", "7")


async def test_a_log_that_is_cut_at_its_end_is_asked_for_with_fewer_lines() -> None:
    kube, transport = cluster(Scripted(body=b"x" * 100), Scripted(body=b"the error"))
    assert await kube.logs("ml", "p", "vllm", tail_lines=800, limit_bytes=100) == "the error"
    assert [request.query["tailLines"] for request in transport.requests] == ["800", "100"]


async def test_lines_too_long_for_the_limit_end_the_asking() -> None:
    kube, transport = cluster(Scripted(body=b"x" * 100))
    assert await kube.logs("ml", "p", "vllm", tail_lines=2000, limit_bytes=100) == "x" * 100
    assert [request.query["tailLines"] for request in transport.requests] == ["2000", "250", "31", "20"]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (refusal(400, message='previous terminated container "vllm" in pod "p" not found'), NotFound),
        (refusal(400, message='container "vllm" in pod "p" is waiting to start: ContainerCreating'), NotFound),
        (refusal(404, message='pods "p" not found'), NotFound),
        (refusal(400, message="container wrong is not valid for pod p"), Rejected),
        (refusal(500, message='Get "https://node:10250/…": dial tcp: i/o timeout'), Unavailable),
        (Scripted(body=b"unable to retrieve container logs for containerd://abc"), NotFound),
    ],
)
async def test_a_log_that_is_not_there_is_told_from_one_that_cannot_be_read(
    script: Scripted, kind: type[Exception]
) -> None:
    kube, _ = cluster(script)
    with pytest.raises(kind):
        await kube.logs("ml", "p", "vllm")


async def test_followed_lines_are_whole_and_scrubbed() -> None:
    euro = "€".encode()
    chunks = [b"first\nsec", b"ond ", euro[:1], euro[1:] + b"\x1b[0m\n", b"last"]
    kube, transport = cluster(Scripted(chunks=chunks))
    assert [line async for line in kube.follow_logs("ml", "p", "vllm")] == ["first", "second €\ufffd[0m", "last"]
    assert transport.requests[0].query["follow"] == "true"


async def test_a_followed_line_without_an_end_comes_in_pieces() -> None:
    kube, _ = cluster(Scripted(chunks=[b"x" * 40_000] * 4))
    pieces = [line async for line in kube.follow_logs("ml", "p", "vllm")]
    assert [len(piece) for piece in pieces] == [80_000, 80_000]


@pytest.mark.parametrize(
    ("script", "kind"),
    [(refusal(404), NotFound), (Scripted(chunks=[b"a\n"], ends=Unreachable("cut")), Unreachable)],
)
async def test_following_fails_with_an_error(script: Scripted, kind: type[Exception]) -> None:
    kube, _ = cluster(script)
    with pytest.raises(kind):
        _ = [line async for line in kube.follow_logs("ml", "p", "vllm")]
