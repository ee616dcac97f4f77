"""Container logs: the newest part, scrubbed, and followed line by line."""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator
from contextlib import aclosing

from vops.adapters.kube.errors import error_of
from vops.adapters.kube.request import Answer, Request, path_of
from vops.adapters.kube.transport import Stream, Transport
from vops.errors import ClusterError, NotFound, Rejected
from vops.model.resources import PODS
from vops.model.text import one_line, scrub

LONGEST_LINE = 64 << 10
"""A followed line that is longer is handed on in pieces."""
FEWEST_LINES = 20
_NO_LOG = ("previous terminated container", "is waiting to start", "is terminated", "not found")
_LOST = ("unable to retrieve container logs for", "failed to try resolving symlinks in path")
"""How a kubelet says, in the body of a 200, that the file is gone."""


async def read_log(
    transport: Transport,
    namespace: str,
    pod: str,
    container: str,
    *,
    previous: bool,
    tail_lines: int,
    limit_bytes: int,
    timeout_s: float,
) -> str:
    """The newest `tail_lines` lines, as many of them as fit into `limit_bytes`.

    Raises NotFound where there is no log (the container has not started, or there was none before it).
    """
    lines = tail_lines
    while True:
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(limit_bytes)}
        if previous:
            query["previous"] = "true"
        answer = await transport.send(_request(namespace, pod, query, read_s=timeout_s))
        _raise_for(answer, _request(namespace, pod, query), transport)
        if len(answer.body) < limit_bytes or lines <= FEWEST_LINES:
            return scrub(answer.body.decode("utf-8", "replace"))
        # A kubelet counts `limitBytes` from the oldest of the asked lines: what it leaves out is the end, where the
        # error stands. Fewer lines bring the end back.
        lines = max(lines // 8, FEWEST_LINES)


async def follow_log(
    transport: Transport, namespace: str, pod: str, container: str, *, tail_lines: int, since_s: int | None = None
) -> AsyncGenerator[str, None]:
    """Scrubbed lines without their ends, until the container ends.

    There is no read timeout: a quiet log is nothing wrong, and a dead connection is found by TCP keep-alive.
    """
    query = {"container": container, "tailLines": str(tail_lines), "follow": "true"}
    if since_s is not None:
        query["sinceSeconds"] = str(since_s)
    request = _request(namespace, pod, query, total_s=0)
    async with transport.open(request) as stream:
        if stream.status >= 300:
            _raise_for(await stream.answer(), request, transport)
        async with aclosing(_lines(stream)) as lines:
            async for line in lines:
                yield scrub(line)


async def _lines(stream: Stream) -> AsyncGenerator[str, None]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    async with aclosing(stream.chunks()) as chunks:
        async for chunk in chunks:
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], ""
            for line in lines:
                yield line
    if rest:
        yield rest


def _request(
    namespace: str, pod: str, query: dict[str, str], *, read_s: float | None = None, total_s: float | None = None
) -> Request:
    path = f"{path_of(PODS, namespace, pod)}/log"
    return Request("GET", path, query, accept="*/*", read_s=read_s, total_s=total_s)


def _raise_for(answer: Answer, request: Request, transport: Transport) -> None:
    if answer.status >= 300:
        raise _missing(error_of(answer, request, transport.endpoint))
    if answer.body.startswith(tuple(text.encode() for text in _LOST)) and answer.body.count(b"\n") <= 1:
        raise NotFound(one_line(answer.body.decode("utf-8", "replace")), status=404, reason="NotFound")


def _missing(error: ClusterError) -> ClusterError:
    """400 is how the API server says that a log does not exist (yet)."""
    if isinstance(error, Rejected) and any(text in error.message for text in _NO_LOG):
        return NotFound(error.message, status=error.status, reason=error.reason)
    return error
