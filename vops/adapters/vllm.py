"""vLLM servers and DCGM exporters over HTTP, by any way to a pod's port.

The way is a callable: `Cluster.proxy` (through the API server, with the user's own rights) or DirectProxy (the pods'
own addresses). A server that does not answer is Unavailable, and its `reason` says how: `refused` is what a loading
vLLM does, `timeout` what a hung one does.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from vops.errors import NotFound, Unavailable
from vops.model.dcgm import parse_gpus
from vops.model.exposition import parse_sample
from vops.model.objects import Kind
from vops.model.resources import PODS
from vops.model.serving import EngineSample, GpuSample
from vops.model.text import one_line, read_json
from vops.ports import ProxyAnswer

if TYPE_CHECKING:
    # Loaded where it is used: a command that goes through the API server ends without it.
    import httpx

METRICS_PATH = "/metrics"
LONGEST_BODY = 16_000_000
ADDRESS_VALID_S = 60.0
REASONS = frozenset({"refused", "timeout", "unreachable"})
"""How a server can fail to answer at all."""

_REFUSED = ("connection refused", "connect: connection reset")
_TIMED_OUT = ("deadline exceeded", "i/o timeout", "timed out", "timeout", "does not answer")


class Proxy(Protocol):
    """A way to a pod's port: `vops.ports.Cluster.proxy`, or the like."""

    def __call__(
        self, namespace: str, pod: str, port: int, path: str, *, method: str = "GET", body: bytes | None = None
    ) -> Awaitable[ProxyAnswer]: ...


class VllmEngine:
    """vops.ports.Engine and vops.ports.Gpus over one way to the pods."""

    def __init__(self, proxy: Proxy, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._proxy = proxy
        self._now = now

    async def sample(self, namespace: str, pod: str, port: int) -> EngineSample:
        """One scrape. Raises Unavailable (see the module), or Forbidden when the proxy is not granted."""
        found = parse_sample(await self._page(namespace, pod, port), self._now())
        if not found.engines:
            raise Unavailable(
                f"{namespace}/{pod}:{port}{METRICS_PATH} holds no metrics of vLLM",
                reason="no-metrics",
                hint="check that --disable-log-stats is not set and that the port is vLLM's",
            )
        return found

    async def samples(self, namespace: str, pod: str, port: int) -> tuple[GpuSample, ...]:
        """One scrape of one DCGM exporter. Raises as `sample` does."""
        return parse_gpus(await self._page(namespace, pod, port), self._now())

    async def get(self, namespace: str, pod: str, port: int, path: str) -> ProxyAnswer:
        """Any GET, whatever its status. Raises Unavailable when nothing answers."""
        try:
            answer = await self._proxy(namespace, pod, port, path)
        except Unavailable as error:
            if error.reason in REASONS:
                raise
            raise _unavailable(namespace, pod, port, error.message, error.status) from error
        if answer.status in (502, 503, 504) and (words := _proxys_own_words(answer.body)):
            raise _unavailable(namespace, pod, port, words, answer.status)
        return answer

    async def version(self, namespace: str, pod: str, port: int) -> str:
        """What `/version` says, such as `0.25.1`. Raises Unavailable when it says nothing of the kind."""
        return str((await self._json(namespace, pod, port, "/version")).get("version", ""))

    async def models(self, namespace: str, pod: str, port: int) -> list[dict[str, Any]]:
        """The models of `/v1/models`, each with `id`, `root` and `max_model_len`. Raises Unavailable."""
        data = (await self._json(namespace, pod, port, "/v1/models")).get("data")
        return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []

    async def healthy(self, namespace: str, pod: str, port: int) -> bool:
        """Whether `/health` is 200; a hung engine says so too. Raises Unavailable when nothing answers."""
        return (await self.get(namespace, pod, port, "/health")).status == 200

    async def close(self) -> None:
        """Closes the way to the pods, where it is this engine's own."""
        if isinstance(self._proxy, DirectProxy):
            await self._proxy.close()

    async def _page(self, namespace: str, pod: str, port: int) -> bytes:
        return (await self._ok(namespace, pod, port, METRICS_PATH)).body

    async def _json(self, namespace: str, pod: str, port: int, path: str) -> dict[str, Any]:
        answer = await self._ok(namespace, pod, port, path)
        try:
            document = read_json(answer.body)
        except ValueError as error:
            raise Unavailable(f"{namespace}/{pod}:{port}{path} did not answer JSON", reason="not-json") from error
        return document if isinstance(document, dict) else {}

    async def _ok(self, namespace: str, pod: str, port: int, path: str) -> ProxyAnswer:
        answer = await self.get(namespace, pod, port, path)
        if answer.status != 200:
            said = one_line(answer.body[:400].decode("utf-8", "replace"))
            raise Unavailable(
                f"{namespace}/{pod}:{port}{path} answered {answer.status}" + (f": {said}" if said else ""),
                status=answer.status,
                reason=f"http-{answer.status}",
            )
        return answer


class DirectProxy:
    """Pods at their own addresses, for a vops that runs inside the cluster's network.

    Addresses come from `get` (`vops.ports.Cluster.get`) once a minute for each pod, and anew when nothing answers.
    """

    def __init__(self, get: Callable[[Kind, str, str], Awaitable[dict[str, Any]]], *, timeout_s: float = 10.0) -> None:
        self._get = get
        self._timeout_s = timeout_s
        self._addresses: dict[tuple[str, str], tuple[str, float]] = {}
        self._session: httpx.AsyncClient | None = None

    async def __call__(
        self, namespace: str, pod: str, port: int, path: str, *, method: str = "GET", body: bytes | None = None
    ) -> ProxyAnswer:
        """Raises Unavailable when the address does not answer, NotFound for a pod without an address."""
        import httpx

        url = f"http://{await self._address(namespace, pod)}:{port}{path}"
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._timeout_s), self._client().stream(method, url, content=body) as response:
                content = bytearray()
                async for piece in response.aiter_bytes():
                    content += piece[: LONGEST_BODY - len(content)]
                    if len(content) >= LONGEST_BODY:
                        break
                return ProxyAnswer(response.status_code, bytes(content), asyncio.get_running_loop().time() - begun)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Unavailable(f"{namespace}/{pod}:{port} timed out", reason="timeout") from error
        except (httpx.HTTPError, OSError) as error:
            self._addresses.pop((namespace, pod), None)
            words = "connection refused" if _is_refusal(error) else str(error)
            raise _unavailable(namespace, pod, port, words, 0) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.aclose()

    def _client(self) -> httpx.AsyncClient:
        import httpx

        if self._session is None:
            # Pods are reached as they are: a proxy of the environment is for the world outside the cluster.
            self._session = httpx.AsyncClient(timeout=self._timeout_s, trust_env=False)
        return self._session

    async def _address(self, namespace: str, pod: str) -> str:
        now = asyncio.get_running_loop().time()
        address, until = self._addresses.get((namespace, pod), ("", 0.0))
        if now < until:
            return address
        status = (await self._get(PODS, pod, namespace)).get("status", {})
        address = str(status.get("podIP") or "")
        if not address:
            raise NotFound(f"pod {namespace}/{pod} has no address yet", status=404)
        address = f"[{address}]" if ":" in address else address
        self._addresses[namespace, pod] = (address, now + ADDRESS_VALID_S)
        return address


def _is_refusal(error: BaseException) -> bool:
    """Whether `error`, or what it came from, is the peer's refusal to be connected to."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno == errno.ECONNREFUSED:
            return True
        seen = seen.__cause__ or seen.__context__
    # With several addresses to try, the errors are folded into this sentence.
    return "connection attempts failed" in str(error).lower()


def _unavailable(namespace: str, pod: str, port: int, words: str, status: int) -> Unavailable:
    said = words.lower()
    where = f"{namespace}/{pod}:{port}"
    if any(mark in said for mark in _REFUSED):
        return Unavailable(f"{where} refuses connections: nothing listens there yet", status=status, reason="refused")
    if any(mark in said for mark in _TIMED_OUT):
        return Unavailable(f"{where} does not answer in time", status=status, reason="timeout")
    return Unavailable(f"{where} cannot be reached: {one_line(words)}", status=status, reason="unreachable")


def _proxys_own_words(body: bytes) -> str:
    """The message, when a body is not the pod's but an API server's `Status` (or its plain "Error trying to reach")."""
    text = body[:4000].decode("utf-8", "replace")
    if text.startswith("Error trying to reach service"):
        return text
    try:
        document = read_json(text)
    except ValueError:
        return ""
    if isinstance(document, dict) and document.get("kind") == "Status":
        return str(document.get("message", ""))
    return ""
