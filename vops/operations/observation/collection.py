"""One watched kind: the objects as last told, and how far they can be believed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from msgspec.structs import replace

from vops.model.objects import Decoded, Kind
from vops.model.resources import Event
from vops.model.snapshot import Source, SourceState, SourceStatus
from vops.ports import Changed

STALE_AFTER = timedelta(seconds=15)
MOST_EVENTS = 5_000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

T = TypeVar("T", bound=Decoded)


class Collection(Generic[T]):
    """The objects of `kind`, decoded to `type_`; `seen` may reduce each one as it comes in."""

    def __init__(self, kind: Kind, type_: type[T], seen: Callable[[T], T] | None = None) -> None:
        self.kind = kind
        self.status = SourceStatus(Source(kind.plural), SourceState.LOADING)
        self.note = ""
        """Said with every state, such as that only one namespace may be read."""
        self._type = type_
        self._seen = seen
        self._items: dict[tuple[str, str], T] = {}
        self._tuple: tuple[T, ...] | None = ()

    @property
    def items(self) -> tuple[T, ...]:
        """All objects; the same tuple until one changes."""
        if self._tuple is None:
            self._tuple = tuple(self._items.values())
        return self._tuple

    @property
    def loaded(self) -> bool:
        """Whether it was ever listed."""
        return self.status.at is not None

    def apply(self, changed: Changed) -> None:
        """Takes one step of a watch."""
        if changed.status is not None:
            self.status = changed.status
        if changed.replaced is not None:
            self._items = {_key(item): self._as_seen(item) for item in changed.replaced if isinstance(item, self._type)}
            self._tuple = None
        self._take_part(changed.part)
        item = changed.item
        if not isinstance(item, self._type):
            return
        self._tuple = None
        if changed.deleted:
            self._items.pop(_key(item), None)
        else:
            self._items[_key(item)] = self._as_seen(item)
            self._forget_oldest()

    def _take_part(self, part: Iterable[Decoded]) -> None:
        """Objects of a LIST that goes on."""
        found = {_key(item): self._as_seen(item) for item in part if isinstance(item, self._type)}
        if found:
            self._items |= found
            self._tuple = None

    def failed(self, state: SourceState, words: str) -> None:
        """The watch itself broke: what is held stays, and says so."""
        self.status = replace(self.status, state=state, detail=words)

    def status_at(self, now: datetime) -> SourceStatus:
        """The status as of `now`: a live watch is current by definition, one that fails for long is stale."""
        status = self.status
        if status.state is SourceState.LIVE:
            status = replace(status, at=now)
        elif status.state is SourceState.RETRYING and status.at is not None and now - status.at > STALE_AFTER:
            status = replace(status, state=SourceState.STALE)
        if self.note:
            status = replace(status, detail=f"{self.note}; {status.detail}" if status.detail else self.note)
        return status

    def _as_seen(self, item: T) -> T:
        return item if self._seen is None else self._seen(item)

    def _forget_oldest(self) -> None:
        """Events only: a cluster in trouble makes more of them than anyone can read."""
        if self._type is not Event or len(self._items) <= MOST_EVENTS * 5 // 4:
            return
        newest = sorted(self._items.items(), key=lambda pair: _last_seen(pair[1]))[-MOST_EVENTS:]
        self._items = dict(newest)


def _key(item: Decoded) -> tuple[str, str]:
    return item.metadata.namespace, item.metadata.name


def _last_seen(item: Decoded) -> datetime:
    return (item.last_seen if isinstance(item, Event) else None) or _LONG_AGO
