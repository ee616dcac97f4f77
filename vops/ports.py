"""What operations need from the outside world, as async Protocols.

Adapters implement these (vops.adapters), the composition root joins them (vops.operations.session), and nothing
else does either. Every method raises only the errors of vops.errors; text that comes back is already scrubbed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from vops.model.hub import HubListing
from vops.model.objects import Decoded, Kind
from vops.model.serving import EngineSample, GpuSample
from vops.model.snapshot import SourceStatus


class Cost(NamedTuple):
    """What looking costs an API server: watches that stand, scrapes and bytes a second; None is not known."""

    watches: int | None = None
    requests_per_s: float | None = None
    bytes_per_s: float | None = None


class Meter:
    """Counts what came in over the connections to one API server, for whoever shows what looking costs."""

    def __init__(self) -> None:
        self.bytes = 0

    def add(self, size: int) -> None:
        self.bytes += size


Document = dict[str, Any]
"""A Kubernetes object, or a part of one, as plain JSON."""


class Listing(msgspec.Struct, frozen=True):
    """A complete LIST (all its pages): decoded items and the version to watch from."""

    items: tuple[Decoded, ...]
    resource_version: str


class Page(msgspec.Struct, frozen=True):
    """A part of a LIST; the first page of a LIST that had to begin anew is marked so, the last one by its version."""

    items: tuple[Decoded, ...]
    resource_version: str = ""
    anew: bool = False


class Changed(msgspec.Struct, frozen=True):
    """One step of a watched collection.

    `replaced` holds the whole collection after a (re-)list and is None for a single change; then `item` is the
    object and `deleted` tells whether it went. `status` is set when the state of the source changed. `part` are objects
    of a first LIST that goes on: enough to show something, not to say what there is.
    """

    status: SourceStatus | None = None
    replaced: tuple[Decoded, ...] | None = None
    item: Decoded | None = None
    deleted: bool = False
    part: tuple[Decoded, ...] = ()


class WriteRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One write as the journalled transport reports it, once before it is sent and once after the answer.

    `status` is 0 in the record before, and stays 0 in the one after when no answer came (the write may have landed).
    `body` is the request's body, left out for Secrets.
    """

    phase: Literal["before", "after"]
    method: str
    path: str
    dry_run: bool = False
    body: Any = None
    status: int = 0
    error: str = ""


class ProxyAnswer(msgspec.Struct, frozen=True):
    """What a pod answered through the API server, a forwarded port or its own address."""

    status: int
    body: bytes
    elapsed_s: float


class Cluster(Protocol):
    """One context of one Kubernetes API server."""

    @property
    def context(self) -> str: ...

    @property
    def namespace(self) -> str:
        """The context's default namespace."""
        ...

    @property
    def readonly(self) -> bool: ...

    async def version(self) -> str:
        """The server's gitVersion, such as `v1.36.3`."""
        ...

    async def list(
        self, kind: Kind, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> Listing: ...

    def watch(self, kind: Kind, namespace: str = "", *, field_selector: str = "") -> AsyncIterator[Changed]:
        """LIST then WATCH for ever: relists on 410, retries with back-off, polls where `watch` is not granted.

        Never ends and never raises for a failing server: failures are `Changed(status=…)`.
        """
        ...

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Document: ...

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int = 2000,
        limit_bytes: int = 2_000_000,
    ) -> str: ...

    def follow_logs(
        self, namespace: str, pod: str, container: str, *, tail_lines: int = 200, since_s: int | None = None
    ) -> AsyncIterator[str]:
        """Scrubbed lines as they are written, the newest `tail_lines` of the last `since_s` seconds first.

        Ends when the container does.
        """
        ...

    async def proxy(
        self, namespace: str, pod: str, port: int, path: str, *, method: str = "GET", body: bytes | None = None
    ) -> ProxyAnswer:
        """An HTTP request to a pod: API server's pod proxy first, port-forward where that is refused."""
        ...

    async def patch(
        self, kind: Kind, name: str, namespace: str, operations: Sequence[Document], *, dry_run: bool = False
    ) -> Document:
        """JSON Patch. A failed `test` raises Rejected (or Conflict)."""
        ...

    async def apply(
        self, kind: Kind, document: Document, *, manager: str, dry_run: bool = False, force: bool = False
    ) -> Document:
        """Server-side apply of an object that vops owns wholly. Raises Conflict naming the other manager."""
        ...

    async def create(self, kind: Kind, document: Document, *, dry_run: bool = False) -> Document: ...

    async def delete(self, kind: Kind, name: str, namespace: str, *, uid: str, dry_run: bool = False) -> None:
        """Deletes exactly the incarnation `uid`."""
        ...

    async def evict(self, name: str, namespace: str, *, uid: str, dry_run: bool = False) -> None:
        """Deletes exactly the pod `uid` by the Eviction API. Raises Unavailable (429) where a budget forbids it now."""
        ...

    async def can(self, verb: str, kind: Kind, namespace: str = "", *, subresource: str = "") -> bool:
        """Whether the user may, by SelfSubjectAccessReview."""
        ...

    def read_only(self) -> Cluster:
        """The same connection, refusing (in the transport) all but GET, `dryRun=All` and access reviews."""
        ...

    def journalled(self, record: Callable[[WriteRecord], None]) -> Cluster:
        """The same connection, reporting each write before and after."""
        ...

    async def close(self) -> None: ...


class Engine(Protocol):
    """vLLM servers, by whatever way their HTTP port can be reached."""

    async def sample(self, namespace: str, pod: str, port: int) -> EngineSample:
        """One scrape. Raises Unavailable when the server does not answer (it loads, or it hangs)."""
        ...

    async def get(self, namespace: str, pod: str, port: int, path: str) -> ProxyAnswer: ...


class Gpus(Protocol):
    """GPU telemetry."""

    async def samples(self, namespace: str, pod: str, port: int) -> tuple[GpuSample, ...]:
        """One scrape of one DCGM exporter pod."""
        ...


class Metrics(Protocol):
    """A Prometheus server, where there is one."""

    async def query(self, promql: str, at: datetime | None = None) -> Sequence[Mapping[str, Any]]:
        """Instant query: `[{"metric": {labels}, "value": [unix_time, "number"]}, …]`."""
        ...


class Notifier(Protocol):
    """Ways to tell people, by name."""

    async def send(self, channel: str, text: str, key: str) -> None:
        """Tells a channel. What is sent again has the same `key`, by which a receiver may know it.

        Raises UsageError (no such channel), Unreachable, Rejected; never with its address.
        """
        ...


class HubModel(msgspec.Struct, frozen=True):
    """A model as the Hub describes it: the text of its config.json, and the bytes of its weights where known."""

    id: str
    config: str
    weights_bytes: int | None = None


class Hub(Protocol):
    """A model hub; metadata only, never weights."""

    async def model(self, model_id: str, revision: str = "") -> HubModel:
        """Raises NotFound, Unauthorized, Forbidden (gated), Unavailable (429, 5xx) or Unreachable (offline)."""
        ...

    async def listing(self, model_id: str, revision: str = "") -> HubListing:
        """The files of one commit; a gated model is listed whoever asks. Raises as `model` does."""
        ...


class Clock(Protocol):
    """Time, so that tests and the lab can own it."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...
