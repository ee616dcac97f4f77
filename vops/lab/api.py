"""The API over a store: turns HTTP requests into calls on it, and what they yield into answers.

Knows nothing of connections, tokens or planned trouble: vops.lab.server puts those around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from vops.lab import calls, discovery, listing, podlogs, podproxy, statuses
from vops.lab.access import Access
from vops.lab.bodies import decoded
from vops.lab.calls import Call
from vops.lab.documents import Document
from vops.lab.eviction import evict
from vops.lab.objects import Objects
from vops.lab.providers import LogsProvider, ProxyProvider
from vops.lab.statuses import ApiError
from vops.lab.store import Store
from vops.lab.watching import Watch

_PROBES = ("/healthz", "/livez", "/readyz")
_REVIEWS = "/apis/authorization.k8s.io/v1/"
_OWN_HEADERS = {"connection", "content-length", "transfer-encoding", "keep-alive"}


class Api:
    """Answers one request at a time; watches and followed logs hold theirs open."""

    def __init__(
        self, store: Store, access: Access, logs: LogsProvider | None = None, proxy: ProxyProvider | None = None
    ) -> None:
        self.bookmark_every_s = 60.0
        self._store = store
        self._access = access
        self._logs = logs
        self._proxy = proxy
        self._objects = Objects(store)
        self._watches: set[Watch] = set()

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """The response to a request; refusals come as Status bodies."""
        try:
            return await self._answer(request, body)
        except ApiError as error:
            return json_response(error.code, error.status())

    def send_bookmarks(self) -> None:
        """Sends a bookmark on every watch that asked for them."""
        for watch in self._watches:
            watch.bookmark()

    def close_watches(self, error: ApiError | None = None) -> None:
        """Ends every open watch, as the API server does now and then; with `error` after an ERROR event."""
        for watch in self._watches:
            if error:
                watch.fail(error)
            else:
                watch.close()

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path.startswith(_PROBES):
            return web.Response(text="ok")
        if path.startswith(_REVIEWS) and request.method == "POST":
            return self._review(path.removeprefix(_REVIEWS), request, body)
        call = calls.parse(request.method, path, dict(request.rel_url.query), self._store.catalog)
        if call is None:
            document = discovery.answer(path, self._store.catalog)
            return json_response(200, document) if document else _no_page()
        self._access.check(call.attributes)
        if call.kind is None and not self._store.catalog.serves(call.group, call.version):
            return _no_page()
        return await self._serve(call, request, body)

    def _review(self, resource: str, request: web.Request, body: bytes) -> web.Response:
        review = decoded(request.content_type, body, resource)
        if resource == "selfsubjectaccessreviews":
            return json_response(201, self._access.review(review))
        if resource == "selfsubjectrulesreviews":
            return json_response(201, self._access.rules(review, self._store.catalog))
        raise statuses.no_such_path()

    async def _serve(self, call: Call, request: web.Request, body: bytes) -> web.StreamResponse:
        kind = call.served
        if kind.kind == "Pod" and call.subresource == "log":
            return await self._log(call, request)
        if kind.kind == "Pod" and call.subresource == "proxy":
            return await self._proxied(call, request, body)
        if kind.kind == "Pod" and call.subresource == "eviction" and call.verb == "create":
            eviction = decoded(request.content_type, body, kind.kind)
            return json_response(*evict(self._store, self._objects, call, eviction))
        has = {"": True, "status": kind.status, "scale": kind.scale}
        if not has.get(call.subresource, False):
            raise statuses.no_such_path()
        if call.verb == "list":
            return web.Response(body=listing.page(self._store, call), content_type="application/json")
        if call.verb == "watch":
            watch = Watch(self._store, call, bookmark_every_s=self.bookmark_every_s)
            return await self._watch(watch, request)
        return json_response(*self._change(call, request, body))

    def _change(self, call: Call, request: web.Request, body: bytes) -> tuple[int, Document]:
        manager = call.query.get("fieldManager") or _client(request)
        content_type, kind = request.content_type, call.served.kind
        verbs: dict[str, Callable[[], tuple[int, Document]]] = {
            "get": lambda: self._objects.get(call),
            "create": lambda: self._objects.create(call, decoded(content_type, body, kind), manager),
            "update": lambda: self._objects.update(call, decoded(content_type, body, kind), manager),
            "patch": lambda: self._objects.patch(call, body, content_type, manager),
            "delete": lambda: self._objects.delete(call, decoded(content_type, body, kind) if body.strip() else {}),
        }
        if call.verb not in verbs:
            raise statuses.method_not_allowed()
        return verbs[call.verb]()

    async def _watch(self, watch: Watch, request: web.Request) -> web.StreamResponse:
        self._watches.add(watch)
        try:
            return await _stream(request, "application/json", watch.events())
        finally:
            self._watches.discard(watch)

    async def _log(self, call: Call, request: web.Request) -> web.StreamResponse:
        pod = self._store.record(call.served, call.namespace, call.name).document
        asked = podlogs.read_request(call, pod, self._store.clock.now())
        if not pod["spec"].get("nodeName") or self._logs is None:
            return web.Response(status=204)
        podlogs.refuse_unwritten(asked, pod)
        return await _stream(request, "text/plain", podlogs.chunks(asked, self._logs))

    async def _proxied(self, call: Call, request: web.Request, body: bytes) -> web.StreamResponse:
        pod = self._store.record(call.served, call.namespace, podproxy.pod_name(call)).document
        wanted = podproxy.target(call, pod, request.method, request.rel_url.raw_query_string, body)
        answer = await self._proxy(wanted) if self._proxy else None
        if answer is None:
            raise podproxy.refused(pod, wanted.port)
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OWN_HEADERS}
        return web.Response(status=answer.status, body=answer.body, headers=CIMultiDict(kept))


def _client(request: web.Request) -> str:
    """The field manager of a client that names none: the program in its user agent."""
    return request.headers.get("User-Agent", "unknown").split("/")[0]


def _no_page() -> web.Response:
    """What the server says of a path outside of every group that it serves."""
    return web.Response(status=404, text="404 page not found\n")


def json_response(status: int, document: Document) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")


async def _stream(request: web.Request, content_type: str, chunks: AsyncIterator[bytes]) -> web.StreamResponse:
    """Chunks written as they come. A client that goes away ends it."""
    response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-cache, private"})
    await response.prepare(request)
    try:
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    except ConnectionResetError:
        return response
    return response
