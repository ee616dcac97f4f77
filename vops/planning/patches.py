"""JSON Patches (RFC 6902) that a live object can only take if nobody touched what they touch.

Every edit becomes a `test` of the old value followed by the operation, and an inverse guarded in the same way by the
new value, so `undo` after `operations` gives back the document. Three cases go beyond the RFC's letter:

* Absence is tested by a `test` for null: the API server's library (evanphx/json-patch) and the lab take a missing
  member for null. A strict server would refuse the whole patch, which is the safe side.
* A missing parent is added with everything beneath it in one operation; its absence is what is tested.
* A list that holds a secret in plain sight is edited word by word, so that the secret enters neither plan nor journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from vops.errors import Refused
from vops.model.secrets import holds_secret, secret_indices
from vops.planning.pointers import ABSENT, Tokens, index, join, lookup, split

Document = dict[str, Any]


class Edit(NamedTuple):
    """The value that a path shall have; ABSENT removes it. Places in lists are concrete, never `-`."""

    pointer: str
    value: Any = ABSENT


class Patch(msgspec.Struct, frozen=True):
    """What edits come to: the guarded operations, their inverse, the touched paths, and the object afterwards.

    `unrestorable` names the paths whose old value was a secret, which vops does not keep, so that undo leaves them.
    """

    operations: tuple[Document, ...]
    undo: tuple[Document, ...]
    touched: tuple[str, ...]
    after: Document
    unrestorable: tuple[str, ...] = ()


class TestFailed(Exception):
    """A `test` operation did not hold; `pointer` names the path, `observed` what stands there (or ABSENT)."""

    __test__ = False

    def __init__(self, pointer: str, observed: Any) -> None:
        super().__init__(f"{pointer} is not what it was")
        self.pointer = pointer
        self.observed = observed


class _Piece(NamedTuple):
    """The operations of one elementary edit and those that take it back; no way back: None."""

    forward: list[Document]
    backward: list[Document] | None


def make_patch(document: Document, edits: Sequence[Edit]) -> Patch:
    """The guarded patch for `edits`, in their order, later ones seeing the earlier; edits without effect vanish.

    Raises Refused when an edit would have to copy a secret, ValueError when a path leads through a scalar.
    """
    working: Document = msgspec.to_builtins(document)
    forward: list[Document] = []
    backward: list[list[Document]] = []
    touched: list[str] = []
    unrestorable: list[str] = []
    for edit in edits:
        pointer, pieces = _pieces(working, edit)
        for piece in pieces:
            forward += piece.forward
            working = apply_operations(working, piece.forward)
            if piece.backward is None:
                unrestorable.append(pointer)
            else:
                backward.append(piece.backward)
            touched.append(pointer)
    return Patch(
        operations=tuple(forward),
        undo=tuple(operation for piece in reversed(backward) for operation in piece),
        touched=tuple(dict.fromkeys(touched)),
        after=working,
        unrestorable=tuple(unrestorable),
    )


def _pieces(document: Document, edit: Edit) -> tuple[str, list[_Piece]]:
    """The touched path (the highest one that is new) and the elementary edits; none when nothing changes."""
    tokens, value = _lifted(document, split(edit.pointer), edit.value)
    old, pointer = lookup(document, tokens), join(tokens)
    if same(old, value):
        return pointer, []
    if isinstance(old, list) and isinstance(value, list) and (holds_secret(old) or holds_secret(value)):
        pieces = list(_word_by_word(pointer, old, value))
    else:
        pieces = [_whole(pointer, old, value)]
    names = _name_tests(document, tokens)
    return pointer, [
        _Piece([*names, *piece.forward], None if piece.backward is None else [*names, *piece.backward])
        for piece in pieces
    ]


def _lifted(document: Document, tokens: Tokens, value: Any) -> tuple[Tokens, Any]:
    """The path and value with missing parents folded into the value."""
    for depth in range(1, len(tokens)):
        parent = lookup(document, tokens[:depth])
        if parent is ABSENT or parent is None:
            if value is ABSENT:
                return tokens[:depth], parent
            for token in reversed(tokens[depth:]):
                value = {token: value}
            return tokens[:depth], value
        if not isinstance(parent, (dict, list)):
            raise ValueError(f"{join(tokens[:depth])} holds a plain value, so there can be no {join(tokens)}")
    return tokens, value


def _name_tests(document: Document, tokens: Tokens) -> list[Document]:
    """Tests that the list items on the way still are the ones that are meant."""
    found = []
    for depth in range(1, len(tokens)):
        at = tokens[:depth]
        item = lookup(document, at)
        if index(at[-1]) is not None and isinstance(item, dict) and "name" in item:
            found.append(_test(join((*at, "name")), item["name"]))
    return found


def _whole(pointer: str, old: Any, new: Any) -> _Piece:
    """One value put, replaced or removed as a whole."""
    if new is not ABSENT and holds_secret(new):
        raise Refused(f"{pointer}: vops does not write secrets", hint="put it in a Secret and refer to it")
    forward = [*_guard(pointer, old), _operation(pointer, old, new)]
    if old is not ABSENT and holds_secret(old):
        return _Piece(forward, None)
    return _Piece(forward, [*_guard(pointer, new), _operation(pointer, new, old)])


def _guard(pointer: str, value: Any) -> list[Document]:
    """The test of a value; of a secret one only the name beside it. A place in a list cannot be tested for absence."""
    if value is ABSENT:
        last = split(pointer)[-1]
        return [] if index(last) is not None else [_test(pointer, None)]
    if holds_secret(value):
        named = isinstance(value, dict) and "name" in value
        return [_test(f"{pointer}/name", value["name"])] if named else []
    return [_test(pointer, value)]


def _operation(pointer: str, old: Any, new: Any) -> Document:
    if new is ABSENT:
        return {"op": "remove", "path": pointer}
    return {"op": "add" if old is ABSENT else "replace", "path": pointer, "value": new}


def _word_by_word(pointer: str, old: list[Any], new: list[Any]) -> Iterator[_Piece]:
    """A list's edit that touches only the words that differ. Raises Refused when one of these is a secret."""
    start = _common(old, new)
    tail = min(_common(old[::-1], new[::-1]), len(old) - start, len(new) - start)
    old_end, new_end = len(old) - tail, len(new) - tail
    changed = secret_indices(old) & set(range(start, old_end)) or secret_indices(new) & set(range(start, new_end))
    if changed:
        raise Refused(f"{pointer}: the change touches a secret in plain sight", hint="move it into a Secret first")
    anchored = start > 0 and start - 1 not in secret_indices(old)
    anchor = [_test(f"{pointer}/{start - 1}", old[start - 1])] if anchored else []
    for at in range(start, max(old_end, new_end)):
        before = old[at] if at < old_end else ABSENT
        after = new[at] if at < new_end else ABSENT
        place = f"{pointer}/{at if after is not ABSENT else new_end}"
        piece = _whole(place, before, after)
        yield _Piece(anchor + piece.forward, piece.backward)


def _common(left: Sequence[Any], right: Sequence[Any]) -> int:
    """How many items both begin with."""
    count = 0
    for one, other in zip(left, right, strict=False):
        if not same(one, other):
            break
        count += 1
    return count


def _test(pointer: str, value: Any) -> Document:
    return {"op": "test", "path": pointer, "value": value}


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: `1` is not `true`, and ABSENT is only itself."""
    if left is ABSENT or right is ABSENT:
        return left is right
    return msgspec.json.encode(left, order="sorted") == msgspec.json.encode(right, order="sorted")


def apply_operations(document: Document, operations: Sequence[Document]) -> Document:
    """The document after `operations`. Raises TestFailed, or ValueError for a path that leads nowhere."""
    changed: Document = msgspec.to_builtins(document)
    for operation in operations:
        tokens = split(operation["path"])
        if operation["op"] == "test":
            _check(changed, operation)
        else:
            _perform(lookup(changed, tokens[:-1]), tokens, operation)
    return changed


def _check(document: Document, operation: Document) -> None:
    observed = lookup(document, split(operation["path"]))
    absent_as_wished = operation["value"] is None and observed is ABSENT
    if not absent_as_wished and not same(observed, operation["value"]):
        raise TestFailed(operation["path"], observed)


def _perform(parent: Any, tokens: Tokens, operation: Document) -> None:
    verb, last = operation["op"], tokens[-1]
    value = msgspec.to_builtins(operation.get("value"))
    if isinstance(parent, dict) and (verb == "add" or last in parent):
        if verb == "remove":
            del parent[last]
        else:
            parent[last] = value
        return
    at = index(last)
    if not isinstance(parent, list) or at is None or at > len(parent) - (verb != "add"):
        raise ValueError(f"{join(tokens)} is not there")
    if verb == "add":
        parent.insert(at, value)
    elif verb == "replace":
        parent[at] = value
    else:
        del parent[at]
