"""Takes back a change long after it was made: a three-way reverse that keeps what others have done since.

What was recorded when the change was made says what each touched field was and became. A field that still has our
value gets its old one back; one that somebody has changed since is left to them, and said. Places in lists are found
again by name or by value, since others may have put something before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from vops.model.secrets import mask
from vops.planning.changes import Change, Verb, delete_change, is_mark, ref_of, written
from vops.planning.excerpts import excerpts
from vops.planning.patches import Document, TestFailed, apply_operations, same
from vops.planning.pointers import ABSENT, Tokens, index, join, lookup, split

_UID = "/metadata/uid"


class Reverse(msgspec.Struct, frozen=True):
    """The change that takes another back, None when nothing is left to do, and what is kept, in words."""

    change: Change | None
    kept: tuple[str, ...] = ()


def reversed_change(document: Document, change: Change) -> Reverse:
    """`change` taken back on the object as it is now; an object that the change has made is deleted."""
    if change.verb is Verb.APPLY and not change.target.uid:
        what = delete_change(ref_of(document), f"take back: {change.summary}", unrestorable="what it had become since")
        return Reverse(what)
    if change.verb is not Verb.PATCH:
        return Reverse(None, (f"{change.target}: {'; '.join(change.unrestorable) or 'cannot be taken back'}",))
    if ref_of(document).uid != change.target.uid:
        return Reverse(None, (f"{change.target} was deleted and made anew since: its fields are not ours",))
    working, operations, undo = document, list[Document](), list[Document]()
    kept = [f"{change.target}: {loss}" for loss in change.unrestorable]
    for group in _groups(change.undo):
        found = _without_ours(working, group) or _relocated(working, group)
        try:
            after = apply_operations(working, found)
        except TestFailed as failed:
            kept += [] if _is_old(working, found) else [_kept(failed)]
            continue
        except ValueError:
            kept.append(f"{found[-1]['path']} is gone")
            continue
        operations += found
        undo[:0] = _inverses(working, found)
        working = after
    touched = written(item for item in operations if not is_mark(item))
    if not touched:
        return Reverse(None, tuple(kept))
    same_object = {"op": "test", "path": _UID, "value": change.target.uid}
    before, after = excerpts(document, working, touched)
    reverse = Change(
        verb=Verb.PATCH,
        target=change.target,
        summary=f"take back: {change.summary}",
        operations=(same_object, *operations),
        before=before,
        after=after,
        undo=(same_object, *undo),
        hands_back=True,
    )
    return Reverse(reverse, tuple(kept))


def _groups(operations: Sequence[Document]) -> Iterator[list[Document]]:
    """Each operation with the tests before it; the test of the uid is made by the caller."""
    group: list[Document] = []
    for operation in operations:
        if operation["op"] == "test" and operation["path"] == _UID:
            continue
        group.append(operation)
        if operation["op"] != "test":
            yield group
            group = []


def _without_ours(document: Document, group: Sequence[Document]) -> list[Document]:
    """Where the change only added items to a list that others have edited since: our items taken out, one by one."""
    *tests, last = group
    live = lookup(document, split(last["path"]))
    ours = next((test["value"] for test in tests if test["path"] == last["path"]), None)
    old = last.get("value", [])
    if not (isinstance(live, list) and isinstance(ours, list) and isinstance(old, list)) or same(live, ours):
        return []
    added = [item for item in ours if not _among(item, old)]
    if not all(_among(item, ours) for item in old) or not all(_among(item, live) for item in added):
        return []
    places = sorted((at for at, item in enumerate(live) if _among(item, added)), reverse=True)
    kept = [item for item in tests if item["path"] != last["path"]]
    taken = [
        operation
        for at in places
        for operation in (
            {"op": "test", "path": f"{last['path']}/{at}", "value": live[at]},
            {"op": "remove", "path": f"{last['path']}/{at}"},
        )
    ]
    return [*kept, *taken]


def _among(item: object, items: Sequence[object]) -> bool:
    return any(same(item, other) for other in items)


def _relocated(document: Document, group: list[Document]) -> list[Document]:
    """The group with its places in lists as they are now."""
    for operation in [item for item in group if item["op"] == "test"]:
        tokens = split(operation["path"])
        if same(lookup(document, tokens), operation["value"]):
            continue
        old, new = _moved(document, tokens, operation["value"])
        if new:
            group = [{**item, "path": join(_exchanged(split(item["path"]), old, new))} for item in group]
    return group


def _moved(document: Document, tokens: Tokens, value: object) -> tuple[Tokens, Tokens]:
    """Where the list item that a test is about was, and where the only one like it is now."""
    named = tokens[-1] == "name" and len(tokens) > 1
    place = tokens[:-1] if named else tokens
    items = lookup(document, place[:-1])
    if index(place[-1]) is None or not isinstance(items, list):
        return place, ()
    alike = [
        at
        for at, item in enumerate(items)
        if same(item.get("name", ABSENT) if named and isinstance(item, dict) else item, value)
    ]
    return place, ((*place[:-1], str(alike[0])) if len(alike) == 1 else ())


def _exchanged(tokens: Tokens, old: Tokens, new: Tokens) -> Tokens:
    return (*new, *tokens[len(old) :]) if tokens[: len(old)] == old else tokens


def _is_old(document: Document, group: Sequence[Document]) -> bool:
    """Whether the field has its old value already."""
    last = group[-1]
    return same(lookup(document, split(last["path"])), last.get("value", ABSENT))


def _inverses(document: Document, operations: Sequence[Document]) -> list[Document]:
    """What takes the operations back, the last first."""
    found: list[Document] = []
    for operation in operations:
        if operation["op"] != "test":
            found[:0] = _inverse(document, operation)
            document = apply_operations(document, [operation])
    return found


def _inverse(document: Document, last: Document) -> list[Document]:
    """What takes one operation back, guarded by what it leaves behind."""
    path, old = last["path"], lookup(document, split(last["path"]))
    if last["op"] == "remove":
        return [{"op": "add", "path": path, "value": old}]
    guard = {"op": "test", "path": path, "value": last["value"]}
    if last["op"] == "add":
        return [guard, {"op": "remove", "path": path}]
    return [guard, {"op": "replace", "path": path, "value": old}]


def _kept(failed: TestFailed) -> str:
    shown = "gone" if failed.observed is ABSENT else f"{mask(failed.observed)!r} now"
    return f"{failed.pointer} is {shown[:200]}, changed by somebody since: it is left to them"
