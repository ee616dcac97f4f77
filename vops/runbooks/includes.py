"""`kind: include`: steps that several runbooks share, kept in one file and put in place when a runbook is read.

A part is a file `parts/NAME.yaml` beside the runbooks: `with` declares what the including step gives (a null default
makes it required), `steps` are ordinary steps in which `${with.NAME}` stands for what was given. Included steps keep
their ids, so the steps after them read their outputs as if they were written there; an `if` on the including step
goes to each of them that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from vops.runbooks.positions import Path, Source

ReadPart = Callable[[str], tuple[str, str]]
"""The text and the path of a part, by its name. Raises UsageError for one that is not there."""

_DEEPEST = 4
_KEYS = frozenset({"id", "kind", "part", "with", "if", "title"})


class Placed(msgspec.Struct, frozen=True):
    """A step as written, the file that it is written in, and its place there."""

    value: Any
    source: Source
    where: Path


def placed_steps(source: Source, read_part: ReadPart, depth: int = 0) -> Iterator[Placed]:
    """The steps of a file, those of its parts in their places. Raises InputError with the line of what is wrong."""
    steps = source.value.get("steps")
    if not isinstance(steps, list) or not steps:
        source.fail("`steps` is a list of at least one", ("steps",))
    for at, step in enumerate(steps):
        where: Path = ("steps", at)
        if isinstance(step, dict) and step.get("kind") == "include":
            yield from _included(source, where, step, read_part, depth)
        else:
            yield Placed(step, source, where)


def _included(
    source: Source, where: Path, step: Mapping[str, Any], read_part: ReadPart, depth: int
) -> Iterator[Placed]:
    if unknown := sorted(set(step) - _KEYS):
        source.fail(f"include has no key {unknown[0]!r}", (*where, unknown[0]), hint=f"known are: {', '.join(_KEYS)}")
    if not isinstance(step.get("part"), str):
        source.fail("include needs `part`, the name of a file in parts/", where)
    if depth >= _DEEPEST:
        source.fail(f"parts include each other more than {_DEEPEST} deep", where)
    part = Source(*read_part(step["part"]))
    given = _given(source, where, step, part)
    for placed in placed_steps(part, read_part, depth + 1):
        value = _filled(placed.value, given)
        if isinstance(value, dict) and "if" in step and "if" not in value:
            value["if"] = step["if"]
        yield msgspec.structs.replace(placed, value=value)


def _given(source: Source, where: Path, step: Mapping[str, Any], part: Source) -> dict[str, Any]:
    declared = part.value.get("with") or {}
    given = step.get("with") or {}
    if not isinstance(declared, dict) or not isinstance(given, dict):
        source.fail("`with` is a mapping", (*where, "with"))
    if unknown := sorted(set(given) - set(declared)):
        hint = f"it has: {', '.join(declared)}"
        source.fail(f"part {step['part']} has no {unknown[0]!r}", (*where, "with", unknown[0]), hint=hint)
    if missing := [name for name, default in declared.items() if default is None and name not in given]:
        source.fail(f"part {step['part']} needs with: {', '.join(missing)}", where)
    return {**declared, **given}


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    """`value` with what was given; a text that is one `${with.NAME}` becomes it, whatever its type."""
    if isinstance(value, dict):
        return {key: _filled(item, given) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, given) for item in value]
    if not isinstance(value, str) or "${with." not in value:
        return value
    for name, item in given.items():
        mark = f"${{with.{name}}}"
        if value == mark:
            return item
        value = value.replace(mark, str(item))
    return value
