"""What pods answer is hostile: it is scrubbed after its escapes are undone, and what is no answer ends nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from vops.errors import Unavailable
from vops.ports import ProxyAnswer
from vops.runbooks.kinds import RefArg
from vops.runbooks.load import Endpoint, Load, put_under_load
from vops.runbooks.steps import http

AT = Endpoint("inference", "llama-1", 8000)
NO_ANSWERS = [b"<html>", b'"\xff"', b"[" * 9000 + b"]" * 9000, b"[1]", b'{"usage": {"completion_tokens": "many"}}']


class Pod:
    """A cluster with one pod, which always answers the same; time passes when its caller sleeps."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.answer = ProxyAnswer(status, body, 0.5)
        self.now = 0.0

    async def proxy(self, *_: Any, **__: Any) -> ProxyAnswer:
        return self.answer

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("body", NO_ANSWERS, ids=range(len(NO_ANSWERS)))
async def test_load_counts_what_is_no_completion_as_failed(body: bytes) -> None:
    pod: Any = Pod(body)
    found = await put_under_load(pod, pod, [AT], Load(concurrency=2, duration_s=0.1, model="m"))
    assert (found.requests, found.failed, found.ttft_p50) == (2, 2, None)
    with pytest.raises(Unavailable, match="names no model"):
        await put_under_load(pod, pod, [AT], Load(duration_s=0.1))


async def test_tokens_are_counted_and_words_are_scrubbed() -> None:
    counted: Any = Pod(b'{"usage": {"completion_tokens": 7}}')
    found = await put_under_load(counted, counted, [AT], Load(concurrency=2, duration_s=0.1, model="m"))
    assert found.failed == 0
    assert found.tokens_per_s == pytest.approx(140)
    rude: Any = Pod(b"no \x1b[2J\nroom", 503)
    found = await put_under_load(rude, rude, [AT], Load(concurrency=1, duration_s=0.1, model="m"))
    assert found.error == "llama-1 answers 503: no \ufffd[2J room"


@pytest.mark.parametrize(
    ("body", "parsed"),
    [(b'{"a": "\\u001b[2J"}', {"a": "\ufffd[2J"}), *((body + b"\x1b", None) for body in NO_ANSWERS[:3])],
    ids=range(4),
)
async def test_an_http_step_reads_an_answer_as_json_or_not_at_all(body: bytes, parsed: object) -> None:
    args = http.Args(ref=RefArg("Pod", "llama-1", "inference"), path="/health")
    ports: Any = SimpleNamespace(cluster=Pod(body))
    answer = await http._ask(args, ports, "llama-1")
    assert answer["json"] == parsed
    assert "\x1b" not in answer["text"]
