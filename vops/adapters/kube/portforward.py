"""One HTTP request to a pod through a forwarded port: a WebSocket to the API server that carries a TCP stream.

The protocol is Kubernetes' `v4.channel.k8s.io`: every binary message begins with a channel number, 0 for the data of
the port and 1 for errors, and the first message of each channel is the port number. Each request opens its own.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
from typing import cast

import aiohttp

from vops.adapters.kube.errors import Failure
from vops.adapters.kube.pooled import lost
from vops.adapters.kube.request import LARGEST_ANSWER, Request, path_of
from vops.adapters.kube.transport import Transport
from vops.errors import Unavailable
from vops.model.resources import PODS
from vops.model.text import one_line

PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_PORT_BYTES = 2


async def send_forwarded(
    transport: Transport,
    namespace: str,
    pod: str,
    port: int,
    path: str,
    method: str,
    body: bytes | None,
    *,
    timeout_s: float,
) -> tuple[int, bytes]:
    """Status and body of the pod's answer. Raises Unavailable when the pod does not answer, Forbidden, Unreachable."""
    request = Request("GET", f"{path_of(PODS, namespace, pod)}/portforward", {"ports": str(port)})
    try:
        async with asyncio.timeout(timeout_s), transport.websocket(request, (PROTOCOL,)) as socket:
            await socket.send_bytes(bytes([_DATA]) + _http_request(pod, port, path, method, body))
            return _http_answer(await _received(socket, method), method)
    except TimeoutError as error:
        raise Unavailable(
            f"pod {pod} in namespace {namespace} does not answer on its forwarded port {port} within {timeout_s:g} s",
            reason=Failure.TIMEOUT,
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise lost(error, transport.endpoint) from error


def _http_request(pod: str, port: int, path: str, method: str, body: bytes | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {pod}:{port}", "Accept: */*", "Connection: close"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def _received(socket: aiohttp.ClientWebSocketResponse, method: str) -> bytes:
    """The bytes of the port until the answer is whole or the port is closed."""
    received = bytearray()
    seen: set[int] = set()
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel not in seen:
            seen.add(channel)
            data = data[_PORT_BYTES:]
        if channel == _ERROR and data:
            raise Unavailable(f"its port cannot be forwarded: {_reason(data.decode('utf-8', 'replace'))}")
        if channel == _DATA:
            received += data
        if is_whole(received, method) or len(received) > LARGEST_ANSWER:
            break
    return bytes(received)


def _reason(text: str) -> str:
    """Why a port cannot be forwarded; a kubelet wraps the usual reason in ids and paths of the node."""
    return "connection refused" if "connection refused" in text else one_line(text)


def is_whole(received: bytes | bytearray, method: str = "GET") -> bool:
    """Whether an HTTP/1.1 answer has arrived completely, as far as its head tells."""
    head, separator, body = bytes(received).partition(b"\r\n\r\n")
    if not separator:
        return False
    fields = dict(_header(line) for line in head.split(b"\r\n")[1:])
    if method == "HEAD":
        return True
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return body.endswith(b"0\r\n\r\n")
    length = fields.get(b"content-length", b"")
    return length.isdigit() and len(body) >= int(length)


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), value.strip().lower()


class _Received:
    """Bytes that http.client takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _http_answer(received: bytes, method: str) -> tuple[int, bytes]:
    # http.client reads the head and undoes chunking; of a socket it only ever calls makefile.
    response = http.client.HTTPResponse(cast("socket.socket", _Received(received)), method=method)
    try:
        response.begin()
        return response.status, response.read()
    except http.client.HTTPException as error:
        raise Unavailable("the pod's port answered nothing that is HTTP, or closed half-way") from error
