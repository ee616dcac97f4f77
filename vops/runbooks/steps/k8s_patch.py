"""`k8s.patch`: changes fields of one object by a JSON Patch that tests every old value.

Places are JSON pointers or the vLLM container's own (see vops.runbooks.paths). A value that is there already needs
nothing, so the step can be planned again after it was applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from vops.planning.changes import patch_change
from vops.planning.patches import Document, Edit, make_patch
from vops.planning.pointers import ABSENT, lookup, split
from vops.runbooks.kinds import Changes, Group, RefArg, View
from vops.runbooks.paths import Places

KIND = "k8s.patch"
GROUP = Group.CHANGE
RIGHTS = ("get ref", "patch ref")
_PLACES = ("/", "@vllm")


class Put(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place that an expression names (`at`) and what is put there; null leaves it as it is."""

    at: str
    value: Any = None


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    ref: RefArg
    """The object to change."""
    container: str = ""
    """The vLLM container's name, for places that start with `@vllm`; without it, the one that runs vLLM."""
    set: dict[str, Any] = msgspec.field(default_factory=dict)
    """Place → value, put there whole; null leaves the place as it is."""
    put: tuple[Put, ...] = ()
    """Like `set`, for places that depend on a parameter."""
    default: dict[str, Any] = msgspec.field(default_factory=dict)
    """Place → value, put there only where nothing stands yet; null leaves the place as it is."""
    at_least: dict[str, int | None] = msgspec.field(default_factory=dict)
    """Place → number, raised to it when it is less or absent; left alone where the parent is missing, or for null."""
    append: dict[str, list[Any] | None] = msgspec.field(default_factory=dict)
    """Place of a list → items, added at its end unless they are in it."""
    remove: tuple[str, ...] = ()
    """Places to clear, if anything stands there."""
    strategy: dict[str, Any] | None = None
    """The strategy of the rollout that this starts, set with it; null leaves it as it is."""


def complaint(args: Mapping[str, Any]) -> str:
    """Places that are none, and strategies that the API server refuses or that never end."""
    written = [args.get(key) for key in ("set", "default", "atLeast", "append")]
    places = [*(place for item in written if isinstance(item, Mapping) for place in item), *_removed(args)]
    wrong = next((place for place in places if not str(place).startswith(_PLACES)), None)
    if wrong is not None:
        return f"has the place {wrong!r}, which is none of {', '.join(f'{start}…' for start in _PLACES)}"
    settings = args.get("set")
    strategies = [args.get("strategy"), settings.get("/spec/strategy") if isinstance(settings, Mapping) else None]
    found = (_wrong_strategy(item) for item in strategies if isinstance(item, Mapping))
    return next(filter(None, found), "")


def _removed(args: Mapping[str, Any]) -> list[Any]:
    removed = args.get("remove")
    return removed if isinstance(removed, list) else []


def _wrong_strategy(strategy: Mapping[str, Any]) -> str:
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling is not None:
        return "sets the strategy Recreate with a rollingUpdate, which the API server refuses"
    bounds = rolling if isinstance(rolling, Mapping) else {}
    if all(str(bounds.get(key, "")) in ("0", "0%") for key in ("maxSurge", "maxUnavailable")):
        return "sets maxSurge and maxUnavailable to 0, so that nothing could ever be replaced"
    return ""


def plan(args: Args, view: View) -> Changes:
    """One patch, or none when everything is as wished."""
    document = view.document(args.ref.ref)
    change = patch_change(document, edits_for(document, args), "")
    return () if change is None else (change,)


def edits_for(document: Document, args: Args) -> list[Edit]:
    """What the arguments come to on an object, an edit for each pointer."""
    working, touched = document, dict[str, None]()
    for make_edit, path, value in _wishes(args):
        edit = make_edit(Places(working, args.container), path, value)
        if edit is not None:
            working = make_patch(working, [edit]).after
            touched[edit.pointer] = None
    return [Edit(pointer, lookup(working, split(pointer))) for pointer in touched]


def _wishes(args: Args) -> Iterator[tuple[Callable[[Places, str, Any], Edit | None], str, Any]]:
    """Every wish in order; each is turned into an edit on the object as those before it leave it."""
    yield from ((_remove, path, None) for path in args.remove)
    yield from ((_set, path, value) for path, value in args.set.items())
    yield from ((_set, item.at, item.value) for item in args.put)
    yield from ((_default, path, value) for path, value in args.default.items())
    yield from ((_at_least, path, least) for path, least in args.at_least.items())
    yield from ((_append, path, items) for path, items in args.append.items())
    yield (_set, "/spec/strategy", args.strategy)


def _remove(places: Places, path: str, _: None) -> Edit | None:
    return places.remove(path)


def _set(places: Places, path: str, value: Any) -> Edit | None:
    return None if value is None else places.write(path, value)


def _default(places: Places, path: str, value: Any) -> Edit | None:
    return _set(places, path, value) if places.read(path) is ABSENT else None


def _at_least(places: Places, path: str, least: int | None) -> Edit | None:
    parent, _, _ = path.rpartition("/")
    if least is None or places.read(parent) is ABSENT:
        return None
    value = places.read(path)
    return None if isinstance(value, int) and value >= least else places.write(path, least)


def _append(places: Places, path: str, items: list[Any] | None) -> Edit | None:
    found = places.read(path)
    present = found if isinstance(found, list) else []
    missing = [item for item in items or () if item not in present]
    return places.write(path, [*present, *missing]) if missing else None
