"""Whether what a change wrote still holds on the object as it is now, and who wrote something else since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from vops.model.secrets import mask
from vops.planning.changes import Change, Verb, ref_of
from vops.planning.ownership import last_writer
from vops.planning.patches import Document, same
from vops.planning.pointers import ABSENT, lookup, split
from vops.planning.undoing import reversed_change

_LONGEST = 80


class Overwritten(msgspec.Struct, frozen=True):
    """A field that has another value than a run gave it: what it is now, by whom (field manager), and when."""

    target: str
    pointer: str
    now: str
    by: str = ""
    at: str = ""


def overwritten(document: Document | None, change: Change) -> tuple[Overwritten, ...]:
    """The fields of one change that somebody has written since; `document` is None for an object that is gone.

    A field that was only moved within its list, since others were added before it, still holds.
    """
    if change.verb in (Verb.DELETE, Verb.EVICT):
        return ()
    name = str(change.target)
    if document is None:
        return (Overwritten(name, "", "gone"),)
    if change.target.uid and ref_of(document).uid != change.target.uid:
        return (Overwritten(name, "", "another object of that name"),)
    if change.verb is not Verb.PATCH or _still_ours(document, change):
        return ()
    return tuple(_others(document, change, name))


def _still_ours(document: Document, change: Change) -> bool:
    reverse = reversed_change(document, change)
    losses = sum(bool(item) for item in change.unrestorable)
    return reverse.change is not None and len(reverse.kept) <= losses


def _others(document: Document, change: Change, name: str) -> Iterator[Overwritten]:
    written: dict[str, Any] = {
        item["path"]: item.get("value", ABSENT) for item in change.operations if item["op"] != "test"
    }
    for pointer, ours in written.items():
        now = lookup(document, split(pointer))
        if not same(now, ours):
            by, at = last_writer(document, pointer)
            yield Overwritten(name, pointer, "removed" if now is ABSENT else f"{mask(now)}"[:_LONGEST], by, at)
