"""WATCH: changes as JSON lines, from a version on, as a selector sees them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import msgspec

from vops.lab import selectors, statuses
from vops.lab.calls import Call
from vops.lab.documents import Change, Record
from vops.lab.kinds import ResourceType
from vops.lab.selectors import Selector
from vops.lab.statuses import ApiError, Cause
from vops.lab.store import Store

_INITIAL_END = "k8s.io/initial-events-end"


class Watch:
    """One watch of one collection: an async iterator of encoded events, several in one chunk when they are there."""

    def __init__(self, store: Store, call: Call, *, bookmark_every_s: float) -> None:
        self._store = store
        self._kind = call.served
        self._namespace = call.namespace
        self._selector = _selector(call, self._kind)
        self._bookmarks = call.flag("allowWatchBookmarks")
        self._bookmark_every_s = bookmark_every_s
        self._timeout_s = call.number("timeoutSeconds") or 1800
        self._pending: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self._closed = False
        self._begin(call)
        self._unsubscribe = store.subscribe(self._notice)

    def _begin(self, call: Call) -> None:
        """Queues what has to come first: the current objects, or the changes since the version asked for."""
        asked = call.query.get("resourceVersion", "")
        initial = call.flag("sendInitialEvents")
        if initial and call.query.get("resourceVersionMatch") != "NotOlderThan":
            why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            raise statuses.invalid_option("ListOptions", Cause("FieldValueForbidden", why, "resourceVersionMatch"))
        if asked and not asked.isdigit():
            parsing = f'strconv.ParseUint: parsing "{asked}": invalid syntax'
            raise ApiError(500, "", f'resourceVersion: Invalid value: "{asked}": {parsing}')
        if initial or asked in ("", "0"):
            for record in self._store.records(self._kind, self._namespace):
                if self._selector.matches(record.document):
                    self._pending.append(event("ADDED", record.body()))
            if initial and self._bookmarks:
                self._pending.append(self._bookmark({_INITIAL_END: "true"}))
            return
        try:
            for change in self._store.changes_since(int(asked)):
                self._notice(change)
        except ApiError as error:
            self.fail(error)

    async def events(self) -> AsyncIterator[bytes]:
        """Chunks to send, until the time is up or the watch is closed."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._timeout_s
        bookmark_at = loop.time() + self._bookmark_every_s
        try:
            while loop.time() < end:
                if self._pending:
                    chunk = b"".join(self._pending)
                    self._pending.clear()
                    yield chunk
                if self._closed:
                    return
                await self._wait(min(end, bookmark_at) - loop.time())
                if loop.time() >= bookmark_at:
                    self.bookmark()
                    bookmark_at += self._bookmark_every_s
            if self._bookmarks:
                yield self._bookmark({})
        finally:
            self._unsubscribe()

    async def _wait(self, seconds: float) -> None:
        self._woken.clear()
        if self._pending or self._closed:
            return
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._woken.wait()
        except TimeoutError:
            return

    def close(self) -> None:
        """Ends the watch after what is queued has been sent."""
        self._closed = True
        self._woken.set()

    def fail(self, error: ApiError) -> None:
        """Sends an ERROR event and ends the watch."""
        self._pending.append(event("ERROR", msgspec.json.encode(error.status())))
        self.close()

    def bookmark(self) -> None:
        """Sends a bookmark now, if the client wants any."""
        if self._bookmarks:
            self._queue(self._bookmark({}))

    def _bookmark(self, annotations: dict[str, str]) -> bytes:
        metadata: dict[str, object] = {"resourceVersion": str(self._store.revision)}
        if annotations:
            metadata["annotations"] = annotations
        empty = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": metadata}
        return event("BOOKMARK", msgspec.json.encode(empty))

    def _queue(self, line: bytes) -> None:
        self._pending.append(line)
        self._woken.set()

    def _notice(self, change: Change) -> None:
        if change.kind is not self._kind or (self._namespace and change.key[0] != self._namespace):
            return
        line = _seen(change, self._selector)
        if line:
            self._queue(line)


def _selector(call: Call, kind: ResourceType) -> Selector:
    fields = call.query.get("fieldSelector", "")
    if call.name:
        fields = f"metadata.name={call.name}"
    return selectors.parse(kind, call.query.get("labelSelector", ""), fields)


def _seen(change: Change, selector: Selector) -> bytes:
    """The change as a watcher with this selector sees it; empty when it does not concern it."""
    before = change.old is not None and selector.matches(change.old.document)
    after = change.type != "DELETED" and selector.matches(change.new.document)
    if after:
        return event("MODIFIED" if before else "ADDED", change.new.body())
    if not before or change.old is None:
        return b""
    if change.type == "DELETED":
        return event("DELETED", change.new.body())
    return event("DELETED", _at_revision(change.old, change.revision).body())


def _at_revision(record: Record, revision: int) -> Record:
    metadata = record.document["metadata"] | {"resourceVersion": str(revision)}
    return Record(record.document | {"metadata": metadata}, revision)


def event(type_: str, body: bytes) -> bytes:
    """One line of a watch."""
    return b'{"type":"' + type_.encode() + b'","object":' + body + b"}\n"
