"""What a change looks like: the touched part of the object before and after, as YAML, line by line.

Both sides come masked from the change, so no secret can reach a diff.
"""

from __future__ import annotations

import difflib
import hashlib
import io
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from ruamel.yaml import YAML

from vops.planning.changes import Change, Verb
from vops.planning.patches import Document

LONGEST_TEXT_LINES = 20
Sign = Literal[" ", "-", "+"]


class DiffLine(NamedTuple):
    """One line of YAML: kept (` `), removed (`-`) or added (`+`)."""

    sign: Sign
    text: str


def diff_lines(change: Change) -> tuple[DiffLine, ...]:
    """Every line of the touched part; a deletion or an eviction is one removed line."""
    if change.verb in (Verb.DELETE, Verb.EVICT):
        return (DiffLine("-", str(change.target)),)
    new = change.after or change.document
    before = yaml_text(_open(_short(change.before), new)).splitlines() if change.before else []
    after = yaml_text(_open(_short(new), change.before)).splitlines()
    return tuple(_lines(before, after))


def _short(value: Any) -> Any:
    """`value` with the texts that nobody reads in a diff, whole files that is, as their length and digest."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, str) and value.count("\n") > LONGEST_TEXT_LINES:
        return f"({value.count(chr(10))} lines, sha256 {hashlib.sha256(value.encode()).hexdigest()[:12]})"
    return value


def _open(value: Any, other: Any) -> Any:
    """`value` with what is empty here and not on the other side as a key alone: only what fills it differs."""
    if not isinstance(value, dict) or not isinstance(other, dict):
        return value
    return {
        key: None if item in ({}, []) and other.get(key) else _open(item, other.get(key)) for key, item in value.items()
    }


def unified(change: Change) -> str:
    """The change as a unified diff, whole, with the object named on both sides."""
    lines = [f"--- {change.target} (live)", f"+++ {change.target} (planned)"]
    lines += [line.sign + line.text for line in diff_lines(change)]
    return "\n".join(lines) + "\n"


def _lines(before: list[str], after: list[str]) -> Iterator[DiffLine]:
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, stop, new_start, new_stop in matcher.get_opcodes():
        if tag == "equal":
            yield from (DiffLine(" ", text) for text in before[start:stop])
            continue
        yield from (DiffLine("-", text) for text in before[start:stop])
        yield from (DiffLine("+", text) for text in after[new_start:new_stop])


def yaml_text(value: Any) -> str:
    """`value` as YAML in block style, keys in their own order."""
    writer = YAML()
    writer.width = 4096
    out = io.StringIO()
    writer.dump(value, out)
    return out.getvalue()


def repository_patch(change: Change) -> Document:
    """The change as a strategic merge patch: what a repository (Kustomize, a chart's overlay) has to carry.

    What the change removes is null; items of lists are found by their name. Masked words stay masked.
    """
    identity = {key: change.after[key] for key in ("apiVersion", "kind", "metadata")}
    return identity | (_difference(change.before, change.after) or {})


def _difference(before: Any, after: Any) -> Any:
    """What has to be merged into `before` to get `after`; None when they are the same."""
    if before == after:
        return None
    if isinstance(before, dict) and isinstance(after, dict):
        changed = {key: _difference(before.get(key), value) for key, value in after.items() if before.get(key) != value}
        return changed | {key: None for key in before if key not in after}
    if _named(before) and _named(after):
        return _item_differences(before, after)
    return after


def _item_differences(before: list[Any], after: list[Any]) -> list[Any]:
    old = {item["name"]: item for item in before}
    kept = {item["name"] for item in after}
    changed = [
        {"name": item["name"], **(_difference(old.get(item["name"]), item) or {})}
        for item in after
        if old.get(item["name"]) != item
    ]
    return changed + [{"name": name, "$patch": "delete"} for name in old if name not in kept]


def _named(items: Any) -> bool:
    return isinstance(items, list) and bool(items) and all(isinstance(item, dict) and "name" in item for item in items)
