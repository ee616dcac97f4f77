"""Bodies into structs: lists, single objects and the lines of a watch, scrubbed first.

One object of a shape that vops does not expect must not cost the other 999: it is kept with its metadata alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import field

from vops.model.objects import Decoded, Kind, Meta, Named
from vops.model.resources import Workload
from vops.model.text import scrub_json

T = TypeVar("T")


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = field(default="", name="continue")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a LIST."""

    metadata: ListMeta = field(default_factory=ListMeta)
    items: tuple[T, ...] | None = ()


class WatchLine(msgspec.Struct, frozen=True):
    """One line of a WATCH; what `object` is depends on `type` (ADDED, MODIFIED, DELETED, BOOKMARK, ERROR)."""

    type: str
    object: msgspec.Raw


class _OnlyMeta(msgspec.Struct, frozen=True):
    metadata: Meta = field(default_factory=Meta)


_LINE = msgspec.json.Decoder(WatchLine)
_RAW_PAGE = msgspec.json.Decoder(Page[msgspec.Raw])
_META = msgspec.json.Decoder(_OnlyMeta)


def decode_page(kind: Kind, body: bytes) -> tuple[tuple[Decoded, ...], ListMeta]:
    """The items of a page and where the next one starts. Raises msgspec.MsgspecError when it is not a list."""
    body = scrub_json(body)
    try:
        page = _page_decoder(_type_of(kind)).decode(body)
    except msgspec.ValidationError:
        raw = _RAW_PAGE.decode(body)
        return tuple(_named(kind, _one(kind, item)) for item in raw.items or ()), raw.metadata
    return tuple(_named(kind, item) for item in page.items or ()), page.metadata


def decode_line(line: bytes) -> WatchLine:
    """Raises msgspec.MsgspecError when it is not an event of a watch."""
    return _LINE.decode(scrub_json(line))


def decode_object(kind: Kind, raw: bytes | msgspec.Raw) -> Decoded:
    """One object. Raises msgspec.MsgspecError when it is not even an object with metadata."""
    return _named(kind, _one(kind, raw))


def resource_version(raw: bytes | msgspec.Raw) -> str:
    return _META.decode(raw).metadata.resource_version


def decode_document(body: bytes) -> dict[str, Any]:
    """Plain JSON, scrubbed. Raises msgspec.MsgspecError."""
    document: dict[str, Any] = msgspec.json.decode(scrub_json(body), type=dict[str, Any])
    return document


def _type_of(kind: Kind) -> type[Decoded]:
    return kind.decodes_to or Named


@cache
def _page_decoder(type_: type[Decoded]) -> msgspec.json.Decoder[Page[Any]]:
    return msgspec.json.Decoder(Page[type_])  # type: ignore[valid-type]


@cache
def _decoder(type_: type[Decoded]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def _one(kind: Kind, raw: bytes | msgspec.Raw) -> Decoded:
    type_ = _type_of(kind)
    try:
        item: Decoded = _decoder(type_).decode(raw)
    except msgspec.ValidationError:
        item = type_(metadata=_META.decode(raw).metadata)
    return item


def _named(kind: Kind, item: Decoded) -> Decoded:
    """`item` with its kind, which the items of a LIST lack."""
    if isinstance(item, Workload | Named):
        msgspec.structs.force_setattr(item, "kind", kind.kind)
    return item
