"""A small HTTP client for the lab's API, documents to send, and stand-ins for what runs in pods."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import aiohttp

from vops.lab.providers import LogLine, ProxyRequest, ProxyResponse

Document = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
WEB = f"{DEPLOYMENTS}/web"
PODS = "/api/v1/namespaces/default/pods"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


class Answer:
    """A status and a body, as text and as JSON."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text

    @property
    def json(self) -> Document:
        document: Document = json.loads(self.text)
        return document

    @property
    def message(self) -> str:
        return str(self.json["message"])

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.json["items"]]


class Api:
    """Requests with a bearer token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}", "User-Agent": "operator/1.0 (test)"}
        )

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def __call__(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **query: str
    ) -> Answer:
        data = body if isinstance(body, str | None) else json.dumps(body)
        headers = {"Content-Type": content_type}
        async with self._session.request(method, self._url + path, data=data, headers=headers, params=query) as answer:
            return Answer(answer.status, await answer.text())

    async def lines(self, path: str, **query: str) -> AsyncIterator[Document]:
        """The events of a watch, until the server ends it."""
        async with self._session.get(self._url + path, params={"watch": "true", **query}) as answer:
            async for line in answer.content:
                yield json.loads(line)

    async def chunks(self, path: str, **query: str) -> AsyncIterator[str]:
        """A body as it arrives, line by line."""
        async with self._session.get(self._url + path, params=query) as answer:
            async for line in answer.content:
                yield line.decode()


class FakeContainers:
    """Logs and ports of containers, as a test wants them."""

    def __init__(self) -> None:
        self.written: list[LogLine] = []
        self.before: list[LogLine] = []
        self.coming: asyncio.Queue[LogLine | None] = asyncio.Queue()
        self.answer: ProxyResponse | None = None
        self.asked: list[ProxyRequest] = []

    def write(self, *texts: str) -> None:
        for text in texts:
            self.written.append(LogLine(datetime(2026, 1, 2, 3, 4, len(self.written), tzinfo=UTC), text))

    def read(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> Sequence[LogLine]:
        return self.before if previous else self.written

    async def follow(self, namespace: str, pod: str, container: str, *, start: int) -> AsyncIterator[LogLine]:
        while (line := await self.coming.get()) is not None:
            yield line

    async def proxy(self, request: ProxyRequest) -> ProxyResponse | None:
        self.asked.append(request)
        return self.answer


def config_map(name: str, *, labels: dict[str, str] | None = None, **data: str) -> Document:
    metadata = {"name": name, "namespace": "default", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def pod(name: str, *, status: Document | None = None, labels: dict[str, str] | None = None, **spec: Any) -> Document:
    containers = [{"name": "vllm", "image": "vllm:1", "ports": [{"containerPort": 8000}]}]
    metadata = {"name": name, "namespace": "default", "labels": labels or {}}
    given = {"status": status} if status else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers} | spec} | given


def deployment(name: str = "web", **spec: Any) -> Document:
    container = {"name": "vllm", "image": "vllm:1", "env": [{"name": "A", "value": "1"}], "args": ["--x"]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    given = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": given | spec}


def applied(spec: Document) -> Document:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def running(ip: str = "10.0.0.9", *, last: Document | None = None) -> Document:
    state = {"name": "vllm", "state": {"running": {}}, "lastState": {"terminated": last} if last else {}}
    return {"phase": "Running", "podIP": ip, "containerStatuses": [state]}


def waiting(reason: str) -> Document:
    return {"phase": "Pending", "containerStatuses": [{"name": "vllm", "state": {"waiting": {"reason": reason}}}]}
