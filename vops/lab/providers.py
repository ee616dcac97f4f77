"""What the API cannot answer from its store and asks the simulator for: container logs and the pods' own ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a container's output, without its newline."""

    at: datetime
    text: str


class LogsProvider(Protocol):
    """The kubelets' log files."""

    def read(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> Sequence[LogLine]:
        """Every line so far of the current (or last) run of a container, or of the one before it."""
        ...

    def follow(self, namespace: str, pod: str, container: str, *, start: int) -> AsyncIterator[LogLine]:
        """Lines of the current run from the `start`-th on, as they are written; ends when the container does."""
        ...


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """An HTTP request that the API server passes on to a pod; `path` begins with a slash."""

    namespace: str
    pod: str
    port: int
    method: str
    path: str
    query: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ProxyResponse:
    """What the pod answered."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class ProxyProvider(Protocol):
    """The pods' network: None when nothing listens on the port."""

    async def __call__(self, request: ProxyRequest) -> ProxyResponse | None: ...
