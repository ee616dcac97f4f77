"""KubeCluster: vops.ports.Cluster over a transport; every method is one or a few requests."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence

import msgspec

from vops.adapters.clock import MachineClock
from vops.adapters.kube.decoding import ListMeta, decode_document, decode_page
from vops.adapters.kube.endpoint import Endpoint, Renew
from vops.adapters.kube.errors import error_of, not_kubernetes
from vops.adapters.kube.logs import follow_log, read_log
from vops.adapters.kube.podproxy import PodProxy
from vops.adapters.kube.request import Answer, Request, encoded, path_of
from vops.adapters.kube.transport import HttpTransport, Transport
from vops.adapters.kube.watch import Watcher
from vops.adapters.kube.wrappers import Journalled, ReadOnly
from vops.errors import Gone, Refused
from vops.model.objects import Decoded, Kind
from vops.model.resources import PODS
from vops.ports import Changed, Clock, Document, Listing, Meter, Page, ProxyAnswer, WriteRecord

PAGE = 500
MANAGER = "vops"
"""The field manager of patches and creates; an apply names its own."""
_SSAR = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class KubeCluster:
    """One context of one Kubernetes API server."""

    def __init__(
        self, transport: Transport, *, clock: Clock, timeout_s: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._timeout_s = timeout_s
        self._chance = chance
        self._pods = PodProxy(transport, clock, timeout_s)

    @classmethod
    def at(
        cls,
        url: str,
        token: str = "",
        *,
        context: str = "lab",
        namespace: str = "default",
        readonly: bool = False,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        meter: Meter | None = None,
    ) -> KubeCluster:
        """The server at `url`, without a kubeconfig."""
        headers = (("Authorization", f"Bearer {token}"),) if token else ()
        endpoint = Endpoint(url=url, context=context, namespace=namespace, headers=headers, flags=f"--server {url}")
        return cls.over(endpoint, readonly=readonly, timeout_s=timeout_s, clock=clock, meter=meter)

    @classmethod
    def over(
        cls,
        endpoint: Endpoint,
        *,
        readonly: bool = False,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        renew: Renew | None = None,
        chance: Callable[[], float] = random.random,
        meter: Meter | None = None,
    ) -> KubeCluster:
        """The server behind `endpoint`; `renew` logs in again when its credentials end, `meter` counts bytes."""
        clock = clock or MachineClock()
        transport: Transport = HttpTransport(endpoint, clock=clock, timeout_s=timeout_s, renew=renew, meter=meter)
        return cls(ReadOnly(transport) if readonly else transport, clock=clock, timeout_s=timeout_s, chance=chance)

    @property
    def context(self) -> str:
        return self._transport.endpoint.context

    @property
    def namespace(self) -> str:
        return self._transport.endpoint.namespace

    @property
    def readonly(self) -> bool:
        return self._transport.readonly

    def read_only(self) -> KubeCluster:
        return self._through(self._transport if self.readonly else ReadOnly(self._transport))

    def journalled(self, record: Callable[[WriteRecord], None]) -> KubeCluster:
        return self._through(Journalled(self._transport, record))

    def _through(self, transport: Transport) -> KubeCluster:
        return KubeCluster(transport, clock=self._clock, timeout_s=self._timeout_s, chance=self._chance)

    async def close(self) -> None:
        """Closes the connections, of every view of this cluster."""
        await self._transport.close()

    # --- reading ---

    async def version(self) -> str:
        document = await self._document(Request("GET", "/version"))
        return str(document.get("gitVersion", ""))

    async def list(
        self, kind: Kind, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> Listing:
        items: list[Decoded] = []
        version = ""
        async for page in self._pages(kind, namespace, _selectors(label_selector, field_selector)):
            items = [*page.items] if page.anew else [*items, *page.items]
            version = page.resource_version
        return Listing(tuple(items), version)

    async def _pages(self, kind: Kind, namespace: str, query: dict[str, str]) -> AsyncGenerator[Page, None]:
        """Page after page, until the last."""
        paged = query | {"limit": str(PAGE)}
        try:
            while True:
                items, meta = await self._page(kind, namespace, paged)
                yield Page(items, "" if meta.continue_ else meta.resource_version)
                if not meta.continue_:
                    return
                paged = paged | {"continue": meta.continue_}
        except Gone:
            # The continue token outlived its version: everything at once needs none.
            items, meta = await self._page(kind, namespace, query)
            yield Page(items, meta.resource_version, anew=True)

    async def _page(self, kind: Kind, namespace: str, query: dict[str, str]) -> tuple[tuple[Decoded, ...], ListMeta]:
        answer = await self._answer(Request("GET", path_of(kind, namespace), query, read_s=self._timeout_s))
        try:
            return decode_page(kind, answer.body)
        except msgspec.MsgspecError as error:
            raise self._not_kubernetes(answer) from error

    def watch(self, kind: Kind, namespace: str = "", *, field_selector: str = "") -> AsyncGenerator[Changed, None]:
        return Watcher(
            self._transport,
            kind,
            lambda: self._pages(kind, namespace, _selectors("", field_selector)),
            Request("GET", path_of(kind, namespace), _selectors("", field_selector)),
            clock=self._clock,
            random=self._chance,
        ).changes()

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Document:
        return await self._document(Request("GET", path_of(kind, namespace, name)))

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int = 2000,
        limit_bytes: int = 2_000_000,
    ) -> str:
        return await read_log(
            self._transport,
            namespace,
            pod,
            container,
            previous=previous,
            tail_lines=tail_lines,
            limit_bytes=limit_bytes,
            timeout_s=self._timeout_s,
        )

    def follow_logs(
        self, namespace: str, pod: str, container: str, *, tail_lines: int = 200, since_s: int | None = None
    ) -> AsyncGenerator[str, None]:
        return follow_log(self._transport, namespace, pod, container, tail_lines=tail_lines, since_s=since_s)

    async def proxy(
        self, namespace: str, pod: str, port: int, path: str, *, method: str = "GET", body: bytes | None = None
    ) -> ProxyAnswer:
        return await self._pods.send(namespace, pod, port, path, method, body)

    async def can(self, verb: str, kind: Kind, namespace: str = "", *, subresource: str = "") -> bool:
        attributes = {
            "verb": verb,
            "group": kind.group,
            "resource": kind.plural,
            "subresource": subresource,
            "namespace": namespace if kind.namespaced else "",
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        document = await self._document(Request("POST", _SSAR, body=encoded(review)))
        return bool((document.get("status") or {}).get("allowed"))

    # --- writing ---

    async def patch(
        self, kind: Kind, name: str, namespace: str, operations: Sequence[Document], *, dry_run: bool = False
    ) -> Document:
        return await self._document(
            Request(
                "PATCH",
                path_of(kind, namespace, name),
                _write_query(MANAGER, dry_run),
                encoded(list(operations)),
                "application/json-patch+json",
            )
        )

    async def apply(
        self, kind: Kind, document: Document, *, manager: str, dry_run: bool = False, force: bool = False
    ) -> Document:
        query = _write_query(manager, dry_run) | ({"force": "true"} if force else {})
        path = path_of(kind, self._namespace_of(kind, document), document["metadata"]["name"])
        # JSON is YAML, and the media type is the one that every server knows.
        return await self._document(Request("PATCH", path, query, encoded(document), "application/apply-patch+yaml"))

    async def create(self, kind: Kind, document: Document, *, dry_run: bool = False) -> Document:
        path = path_of(kind, self._namespace_of(kind, document))
        return await self._document(Request("POST", path, _write_query(MANAGER, dry_run), encoded(document)))

    async def delete(self, kind: Kind, name: str, namespace: str, *, uid: str, dry_run: bool = False) -> None:
        if not uid:
            raise Refused(f"will not delete {kind.plural} {name!r} without the uid it was seen with")
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        # Said, since a Job's default is to leave its pods behind.
        options["propagationPolicy"] = "Background"
        if dry_run:
            # In the body: with one, the API server does not read the query of a DELETE.
            options["dryRun"] = ["All"]
        await self._document(Request("DELETE", path_of(kind, namespace, name), body=encoded(options)))

    async def evict(self, name: str, namespace: str, *, uid: str, dry_run: bool = False) -> None:
        if not uid:
            raise Refused(f"will not evict pod {name!r} without the uid it was seen with")
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }
        path = path_of(PODS, namespace, name) + "/eviction"
        await self._document(Request("POST", path, {"dryRun": "All"} if dry_run else {}, encoded(body)))

    def _namespace_of(self, kind: Kind, document: Document) -> str:
        return str(document["metadata"].get("namespace") or self.namespace) if kind.namespaced else ""

    # --- answers ---

    async def _answer(self, request: Request) -> Answer:
        answer = await self._transport.send(request)
        if answer.status >= 300:
            raise error_of(answer, request, self._transport.endpoint)
        return answer

    async def _document(self, request: Request) -> Document:
        answer = await self._answer(request)
        try:
            return decode_document(answer.body)
        except msgspec.MsgspecError as error:
            raise self._not_kubernetes(answer) from error

    def _not_kubernetes(self, answer: Answer) -> Exception:
        return not_kubernetes(self._transport.endpoint, answer.status, answer.headers.get("content-type", ""))


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    given = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: value for name, value in given.items() if value}


def _write_query(manager: str, dry_run: bool) -> dict[str, str]:
    query = {"fieldManager": manager, "fieldValidation": "Strict"}
    return query | {"dryRun": "All"} if dry_run else query
