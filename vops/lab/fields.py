"""Sets of fields, as managed fields record them: read from an object, compared, joined and taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vops.lab.documents import Document
from vops.lab.schema import Path, Schema, item_element, value_element


@dataclass(slots=True)
class FieldSet:
    """A tree of path elements (`f:spec`, `k:{"name":"x"}`, `v:1`); `member` tells whether this very path is in it."""

    member: bool = False
    children: dict[str, FieldSet] = field(default_factory=dict)

    @classmethod
    def decode(cls, fields_v1: Document, *, root: bool = True) -> FieldSet:
        """From the `fieldsV1` of a managed fields entry."""
        children = {name: cls.decode(below, root=False) for name, below in fields_v1.items() if name != "."}
        return cls("." in fields_v1 or (not root and not children), children)

    def encode(self) -> Document:
        """As `fieldsV1`, elements in the order in which the API writes them."""
        below = {name: self.children[name].encode() for name in sorted(self.children)}
        return {".": {}, **below} if self.member and below else below

    def __bool__(self) -> bool:
        return self.member or any(self.children.values())

    def __or__(self, other: FieldSet) -> FieldSet:
        below = dict(self.children)
        for name, theirs in other.children.items():
            mine = below.get(name)
            below[name] = theirs if mine is None else mine | theirs
        return FieldSet(self.member or other.member, below)

    def __and__(self, other: FieldSet) -> FieldSet:
        both = {
            name: self.children[name] & other.children[name] for name in self.children.keys() & other.children.keys()
        }
        return FieldSet(self.member and other.member, {name: child for name, child in both.items() if child})

    def __sub__(self, other: FieldSet) -> FieldSet:
        """Walks what is taken away alone: that is little, of sets that are large."""
        below = dict(self.children)
        for name in other.children.keys() & below.keys():
            left = below[name] - other.children[name]
            if left:
                below[name] = left
            else:
                del below[name]
        return FieldSet(self.member and not other.member, below)

    def paths(self, prefix: str = "") -> Iterator[str]:
        """Every member as the API prints it: `.spec.containers[name="x"].image`."""
        if self.member:
            yield prefix
        for name in sorted(self.children):
            yield from self.children[name].paths(prefix + _printed(name))


def _printed(element: str) -> str:
    kind, _, text = element.partition(":")
    if kind == "f":
        return f".{text}"
    if kind == "v":
        return f"[={text}]"
    keys = msgspec.json.decode(text)
    return "[" + ",".join(f"{key}={msgspec.json.encode(value).decode()}" for key, value in keys.items()) + "]"


def elements(value: Any, schema: Schema, path: Path) -> dict[str, tuple[Path, Any]]:
    """The parts of a map or keyed list or set by path element, each with its own path."""
    if isinstance(value, dict):
        return {f"f:{name}": ((*path, name), part) for name, part in value.items()}
    keys = schema.keys(path)
    if keys:
        return {item_element(item, keys): (path, item) for item in value}
    return {value_element(item): (path, item) for item in value}


def is_leaf(value: Any, schema: Schema, path: Path, element: str = "") -> bool:
    """Whether a value is owned as a whole; an item of a list is looked at by itself, not by its list's path."""
    if element.startswith("v:"):
        return True
    if element.startswith("k:"):
        return False
    return schema.is_atomic(path, value)


def fields_of(value: Any, schema: Schema, path: Path = (), element: str = "") -> FieldSet:
    """The fields that an applied configuration lays claim to."""
    if is_leaf(value, schema, path, element):
        return FieldSet(True)
    below = {
        name: fields_of(part, schema, below_path, name)
        for name, (below_path, part) in elements(value, schema, path).items()
    }
    empty_map = bool(path) and isinstance(value, dict) and not value
    return FieldSet(element.startswith("k:") or empty_map or schema.is_free(path), below)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two objects: fields set or changed, and fields gone."""

    changed: FieldSet
    removed: FieldSet


def compare(old: Any, new: Any, schema: Schema) -> Comparison:
    """The fields in which `new` differs from `old`; a part that is wholly new or gone counts itself, too."""
    return _compare(old, new, schema, (), "")


def _compare(old: Any, new: Any, schema: Schema, path: Path, element: str) -> Comparison:
    changed, removed = FieldSet(), FieldSet()
    if old == new:
        return Comparison(changed, removed)
    some = old if new is None else new
    if is_leaf(some, schema, path, element) or (not old and not new) or _differ_in_kind(old, new):
        removed.member = new is None
        changed.member = new is not None
        return Comparison(changed, removed)
    before = elements(old or type(some)(), schema, path)
    after = elements(new or type(some)(), schema, path)
    nothing = ((), None)
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name, nothing), after.get(name, nothing)
        if was[1] == now[1]:
            continue
        below = _compare(was[1], now[1], schema, (now if name in after else was)[0], name)
        if below.changed:
            changed.children[name] = below.changed
        if below.removed:
            removed.children[name] = below.removed
    changed.member = old is None
    removed.member = new is None
    return Comparison(changed, removed)


def _differ_in_kind(old: Any, new: Any) -> bool:
    return old is not None and new is not None and isinstance(old, dict) != isinstance(new, dict)
