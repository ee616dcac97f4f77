"""HTTP to a pod: through the API server's pod proxy, and by port-forward where that is refused or blocked.

Which way works is remembered per namespace for a while, so that a hundred scrapes do not each try the wrong one.
"""

from __future__ import annotations

import msgspec

from vops.adapters.kube.errors import Failure, error_of, status_in
from vops.adapters.kube.request import Answer, Request, path_of
from vops.adapters.kube.transport import Transport
from vops.errors import ClusterError, Forbidden, Rejected, Unavailable, Unreachable
from vops.model.resources import PODS
from vops.model.text import one_line
from vops.ports import Clock, ProxyAnswer

REMEMBER_S = 60.0
_UNREACHED = "error trying to reach service: "


class _Route(msgspec.Struct, frozen=True):
    """How pods of a namespace are reached until `until`; `denied` when no way is allowed."""

    until: float
    denied: Forbidden | None = None


class PodProxy:
    """The ways to the pods of one cluster."""

    def __init__(self, transport: Transport, clock: Clock, timeout_s: float) -> None:
        self._transport = transport
        self._clock = clock
        self._timeout_s = timeout_s
        self._routes: dict[str, _Route] = {}

    async def send(
        self, namespace: str, pod: str, port: int, path: str, method: str, body: bytes | None
    ) -> ProxyAnswer:
        """Raises Forbidden, NotFound, Unavailable (the pod does not answer), Unreachable (the API server)."""
        started = self._clock.monotonic()
        path = "/" + path.lstrip("/")
        # Only reads take the remembered way: a write passes the transport's restraints first.
        route = self._route(namespace) if method in ("GET", "HEAD") else None
        if route is not None and route.denied is not None:
            raise route.denied
        if route is None:
            try:
                answer = await self._proxied(namespace, pod, port, path, method, body)
                return ProxyAnswer(answer.status, answer.body, self._clock.monotonic() - started)
            except (Forbidden, Rejected, Unavailable) as error:
                if not _leads_elsewhere(error):
                    raise
                status, content = await self._forwarded_after(error, namespace, pod, port, path, method, body)
        else:
            status, content = await self._forwarded(namespace, pod, port, path, method, body)
        return ProxyAnswer(status, content, self._clock.monotonic() - started)

    def _route(self, namespace: str) -> _Route | None:
        route = self._routes.get(namespace)
        return route if route is not None and self._clock.monotonic() < route.until else None

    async def _proxied(self, namespace: str, pod: str, port: int, path: str, method: str, body: bytes | None) -> Answer:
        request = Request(method, f"{path_of(PODS, namespace, pod)}:{port}/proxy{path}", body=body, accept="*/*")
        try:
            answer = await self._transport.send(request)
        except Unreachable as error:
            if error.reason == Failure.TIMEOUT:
                raise Unavailable(
                    f"pod {pod} in namespace {namespace} does not answer on port {port} within {self._timeout_s:g} s",
                    reason="timeout",
                ) from error
            raise
        # The pod's own refusals are answers; only the API server speaks in Status objects.
        unreached = _unreached(answer)
        if unreached:
            raise Unavailable(
                f"pod {pod} in namespace {namespace} cannot be reached on port {port}: {unreached}",
                status=answer.status,
                reason="refused" if "connection refused" in unreached else "unreachable",
            )
        if answer.status >= 300 and status_in(answer.body) is not None:
            raise error_of(answer, request, self._transport.endpoint)
        return answer

    async def _forwarded(
        self, namespace: str, pod: str, port: int, path: str, method: str, body: bytes | None
    ) -> tuple[int, bytes]:
        # Imported where it is needed, with the WebSockets: short commands seldom are.
        from vops.adapters.kube.portforward import send_forwarded

        timeout_s = self._timeout_s
        return await send_forwarded(self._transport, namespace, pod, port, path, method, body, timeout_s=timeout_s)

    async def _forwarded_after(
        self, refusal: ClusterError, namespace: str, pod: str, port: int, path: str, method: str, body: bytes | None
    ) -> tuple[int, bytes]:
        """By port-forward, after the pod proxy refused; remembers what came of it."""
        until = self._clock.monotonic() + REMEMBER_S
        try:
            answer = await self._forwarded(namespace, pod, port, path, method, body)
        except ClusterError as error:
            if isinstance(refusal, Rejected):
                raise Unavailable(f"pod {pod} in namespace {namespace} has no address to reach it at") from refusal
            if not isinstance(refusal, Forbidden):
                raise refusal from error
            if isinstance(error, Unavailable):
                # This way is allowed, and the pod does not listen.
                self._routes[namespace] = _Route(until)
                raise
            if isinstance(error, Forbidden):
                self._routes[namespace] = _Route(until, denied=refusal)
            raise refusal from error
        if isinstance(refusal, Forbidden):
            self._routes[namespace] = _Route(until)
        return answer


def _leads_elsewhere(error: ClusterError) -> bool:
    """Whether a forwarded port may do what the pod proxy did not.

    Not where the pod's network was reached and nobody listened: a forwarded port finds nobody either.
    """
    if isinstance(error, Rejected):
        return "not allowed" in error.message
    return isinstance(error, Forbidden) or error.reason == "unreachable"


def _unreached(answer: Answer) -> str:
    """Why the API server did not reach the pod; empty when it did. It says so in a Status or, at times, plainly."""
    if answer.status < 500:
        return ""
    status = status_in(answer.body)
    words = status.message if status else answer.body[:1000].decode("utf-8", "replace")
    start = words[: len(_UNREACHED)].lower()
    return one_line(words[len(_UNREACHED) :]) if start == _UNREACHED else ""
