"""A watched collection: LIST, then WATCH from there, for ever, whatever the server does.

Each kind has its own Watcher and its own visible state, so that a denied or failing source disables nothing else.
410 leads to a new LIST; a lost or refused stream is taken up again from the last version seen; where `watch` is not
granted the collection is polled, and says so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime

import msgspec

from vops.adapters.kube.backoff import Backoff
from vops.adapters.kube.decoding import WatchLine, decode_line, decode_object, resource_version
from vops.adapters.kube.errors import Failure, Status, error_of, error_of_status, not_kubernetes
from vops.adapters.kube.request import Request
from vops.adapters.kube.transport import Stream, Transport
from vops.errors import ClusterError, Forbidden, Gone, NotFound, Rejected, Unavailable, Unreachable, VopsError
from vops.model.objects import Decoded, Kind
from vops.model.snapshot import Source, SourceState, SourceStatus
from vops.ports import Changed, Clock, Page

SERVER_TIMEOUT_S = 290
"""Asked of the server: it ends a watch after this long, and the next one may land on a less busy server."""
SILENCE_S = 90.0
"""A server sends a bookmark about every minute; one that is silent for longer is asked anew."""
SHORTEST_WATCH_S = 1.0
"""A stream that ends sooner without a line is a failure, or the loop would spin."""
POLL_S = 5.0
FIRST_WINDOW_S = 1.0
LONGEST_WINDOW_S = 60.0
"""How long is polled before the watch is tried again: a server that has just started denies what its roles allow."""
LONGEST_LINE = 16 << 20

List = Callable[[], AsyncGenerator[Page, None]]


class _WatchDenied(ClusterError):
    """LIST is allowed and WATCH is not."""


class Watcher:
    """Follows one collection; `changes()` is to be iterated once."""

    def __init__(
        self,
        transport: Transport,
        kind: Kind,
        list_: List,
        request: Request,
        *,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._kind = kind
        self._list = list_
        self._request = request
        self._clock = clock
        self._backoff = Backoff(random)
        self._source = Source(kind.plural)
        self._state: SourceState | None = None
        self._current_at: datetime | None = None
        self._version = ""
        self._heard = False
        self._poll_until = float("-inf")
        self._window_s = FIRST_WINDOW_S

    async def changes(self) -> AsyncGenerator[Changed, None]:
        """Changes without end; failures are statuses."""
        yield Changed(status=self._status(SourceState.LOADING))
        while True:
            try:
                async with aclosing(self._round()) as changes:
                    async for change in changes:
                        yield change
            except Gone as error:
                self._version = ""
                await self._clock.sleep(self._backoff.delay_s(error))
            except _WatchDenied:
                self._poll_until = self._clock.monotonic() + self._window_s
                self._window_s = min(self._window_s * 2, LONGEST_WINDOW_S)
                yield Changed(status=self._status(SourceState.POLLED))
                await self._pause()
            except VopsError as error:
                failure = error if isinstance(error, ClusterError) else Unavailable(error.message, hint=error.hint)
                yield Changed(status=self._failed(failure))
                await self._clock.sleep(self._backoff.delay_s(failure))

    async def _round(self) -> AsyncGenerator[Changed, None]:
        """One LIST if one is needed, then one WATCH, or a pause where polling."""
        polling = self._clock.monotonic() < self._poll_until
        if polling or not self._version:
            async with aclosing(self._listed(SourceState.POLLED if polling else SourceState.LIVE)) as listed:
                async for change in listed:
                    yield change
                    del change  # or everything that was listed would be held for as long as the watch goes on
        if polling:
            self._backoff.reset()
            await self._pause()
            return
        async with aclosing(self._watch()) as changes:
            async for change in changes:
                yield change

    async def _listed(self, state: SourceState) -> AsyncGenerator[Changed, None]:
        """One LIST: its parts, if it is the first, and then everything."""
        items: list[Decoded] = []
        version = ""
        async with aclosing(self._list()) as pages:
            async for page in pages:
                items = [*page.items] if page.anew else [*items, *page.items]
                version = page.resource_version
                if self._current_at is None and not version:
                    yield Changed(part=page.items)
        self._version = version
        yield Changed(status=self._current(state), replaced=tuple(items))

    async def _pause(self) -> None:
        """Until the next poll, or until the watch is to be tried again."""
        await self._clock.sleep(max(0.0, min(POLL_S, self._poll_until - self._clock.monotonic())))

    # --- one stream ---

    async def _watch(self) -> AsyncGenerator[Changed, None]:
        started, self._heard = self._clock.monotonic(), False
        async with self._transport.open(self._watch_request()) as stream:
            await self._check(stream)
            self._window_s = FIRST_WINDOW_S
            if self._state is not SourceState.LIVE:
                yield Changed(status=self._current(SourceState.LIVE))
            async with aclosing(self._lines(stream)) as lines:
                async for line in lines:
                    yield self._change(line)
        if self._clock.monotonic() - started >= SHORTEST_WATCH_S:
            self._backoff.reset()
        elif not self._heard:
            raise Unavailable(f"the watch of {self._kind.plural} ended as soon as it began")

    async def _lines(self, stream: Stream) -> AsyncGenerator[bytes, None]:
        """The lines of a stream until it ends or falls silent. Raises Unreachable when it is cut."""
        try:
            async with aclosing(_line_batches(stream)) as batches:
                async for batch in batches:
                    self._current_at = self._clock.now()
                    for line in batch:
                        yield line
        except Unreachable as error:
            if error.reason == Failure.TIMEOUT:
                return
            self._current_at = self._clock.now()
            raise
        self._current_at = self._clock.now()

    def _watch_request(self) -> Request:
        query = {
            **self._request.query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(SERVER_TIMEOUT_S),
        }
        return msgspec.structs.replace(self._request, query=query, read_s=SILENCE_S)

    async def _check(self, stream: Stream) -> None:
        """Raises what an answer other than a stream of events means."""
        if stream.status < 300:
            return
        error = error_of(await stream.answer(), self._watch_request(), self._transport.endpoint)
        if isinstance(error, Forbidden) or error.status == 405:
            raise _WatchDenied(error.message) from error
        raise error

    def _change(self, line: bytes) -> Changed:
        """What one line says. Raises the error that an ERROR event holds."""
        try:
            event = decode_line(line)
            if event.type == "ERROR":
                raise self._error(event)
            bookmark = event.type == "BOOKMARK"
            item = None if bookmark else decode_object(self._kind, event.object)
            version = item.metadata.resource_version if item else resource_version(event.object)
        except msgspec.MsgspecError as error:
            raise not_kubernetes(self._transport.endpoint, 200, "lines that are no watch events") from error
        self._heard = True
        self._backoff.reset()
        self._version = version or self._version
        if bookmark:
            return Changed(status=self._current(SourceState.LIVE))
        return Changed(item=item, deleted=event.type == "DELETED")

    def _error(self, event: WatchLine) -> ClusterError:
        status = msgspec.json.decode(event.object, type=Status)
        return error_of_status(status.code, status, self._watch_request().subject, self._transport.endpoint)

    # --- states ---

    def _current(self, state: SourceState) -> SourceStatus:
        self._current_at = self._clock.now()
        return self._status(state)

    def _failed(self, error: ClusterError) -> SourceStatus:
        if isinstance(error, Forbidden):
            return self._status(SourceState.DENIED, error)
        if isinstance(error, NotFound):
            return self._status(SourceState.ABSENT, error)
        return self._status(SourceState.RETRYING, error)

    def _status(self, state: SourceState, error: ClusterError | None = None) -> SourceStatus:
        self._state = state
        if error is None:
            return SourceStatus(self._source, state, at=self._current_at)
        detail = f"{error.message} ({error.hint})" if error.hint else error.message
        return SourceStatus(self._source, state, at=self._current_at, detail=detail)


async def _line_batches(stream: Stream) -> AsyncGenerator[list[bytes], None]:
    """The whole lines of each chunk that arrives."""
    rest = b""
    async with aclosing(stream.chunks()) as chunks:
        async for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                raise Rejected(f"an event of the watch is longer than {LONGEST_LINE} bytes")
            batch = [line for line in lines if line.strip()]
            if batch:
                yield batch
