"""The steps of a runbook in one row, whatever they stand in: parts that are included, blocks, and loops.

`include` puts the steps of a part in place (see vops.runbooks.includes). `block` holds `steps`, `rescue` (done instead
of the rest when one of them fails) and `always` (done at the end, come what may). `parallel` holds `steps` that go on
at the same time. `forEach` holds `steps` that are done for every item of a list, which has to be known when the plan is
made. Blocks do not stand in blocks, nor loops in loops: nobody reads such a plan at night.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from vops.runbooks.includes import ReadPart, filled, given_to
from vops.runbooks.positions import Path, Source

MOST_ROUNDS = 100
"""How many items a forEach may go over: more is a task for a script, not a plan that somebody reads."""
MOST_ABREAST = 8
"""How many steps may go on at the same time."""
_DEEPEST = 4
_KEYS = {
    "include": frozenset({"id", "kind", "part", "with", "if", "title"}),
    "block": frozenset({"id", "kind", "steps", "rescue", "always", "if", "title"}),
    "forEach": frozenset({"id", "kind", "of", "steps", "if", "title"}),
    "parallel": frozenset({"id", "kind", "steps", "if", "title"}),
}


class Section(StrEnum):
    """Which list of a block a step stands in."""

    STEPS = "steps"
    RESCUE = "rescue"
    ALWAYS = "always"


class Loop(msgspec.Struct, frozen=True):
    """A `forEach`: its id, and the text that gives its list."""

    id: str
    of: Any
    source: Source
    where: Path


class Placed(msgspec.Struct, frozen=True):
    """A step as written, the file that it is written in, its place there, and what it stands in."""

    value: Any
    source: Source
    where: Path
    block: str = ""
    section: Section = Section.STEPS
    loop: Loop | None = None
    parallel: str = ""


def placed_steps(source: Source, read_part: ReadPart, depth: int = 0) -> Iterator[Placed]:
    """The steps of a file, those inside others in their places. Raises InputError with the line of what is wrong."""
    yield from _Placing(source, read_part, depth).steps(("steps",), source.value.get("steps"))


class _Placing:
    """The steps of one file; `depth` is how many includes lead to it."""

    def __init__(self, source: Source, read_part: ReadPart, depth: int) -> None:
        self._source = source
        self._read_part = read_part
        self._depth = depth

    def steps(self, where: Path, steps: Any) -> Iterator[Placed]:
        if not isinstance(steps, list) or not steps:
            self._source.fail(f"`{where[-1]}` is a list of at least one", where)
        holders: Mapping[str, Callable[[Path, Mapping[str, Any]], Iterator[Placed]]] = {
            "include": self._include,
            "block": self._block,
            "forEach": self._loop,
            "parallel": self._parallel,
        }
        for at, step in enumerate(steps):
            here = (*where, at)
            holder = str(step.get("kind")) if isinstance(step, dict) else ""
            if holder not in holders:
                yield Placed(step, self._source, here)
                continue
            self._check_keys(here, step, holder)
            yield from (_conditional(item, step.get("if")) for item in holders[holder](here, step))

    def _check_keys(self, where: Path, step: Mapping[str, Any], kind: str) -> None:
        known = _KEYS[kind]
        if unknown := sorted(set(step) - known):
            hint = f"known are: {', '.join(sorted(known))}"
            self._source.fail(f"{kind} has no key {unknown[0]!r}", (*where, unknown[0]), hint=hint)
        if kind != "include" and not str(step.get("id", "")).isidentifier():
            self._source.fail(f"{kind} needs an `id` that is a name", where)

    def _include(self, where: Path, step: Mapping[str, Any]) -> Iterator[Placed]:
        source = self._source
        if not isinstance(step.get("part"), str):
            source.fail("include needs `part`, the name of a file in parts/", where)
        if self._depth >= _DEEPEST:
            source.fail(f"parts include each other more than {_DEEPEST} deep", where)
        part = Source(*self._read_part(step["part"]))
        given = given_to(part, source, where, step)
        for item in placed_steps(part, self._read_part, self._depth + 1):
            loop = item.loop and msgspec.structs.replace(item.loop, of=filled(item.loop.of, given))
            yield msgspec.structs.replace(item, value=filled(item.value, given), loop=loop)

    def _block(self, where: Path, step: Mapping[str, Any]) -> Iterator[Placed]:
        for section in Section:
            if section is Section.STEPS or section in step:
                for item in self.steps((*where, section.value), step.get(section)):
                    if item.block:
                        item.source.fail("a block cannot stand in another", item.where)
                    yield msgspec.structs.replace(item, block=step["id"], section=section)

    def _loop(self, where: Path, step: Mapping[str, Any]) -> Iterator[Placed]:
        if not isinstance(step.get("of"), (str, list)):
            self._source.fail("forEach needs `of`, a list", where)
        if isinstance(step["of"], list) and len(step["of"]) > MOST_ROUNDS:
            self._source.fail(f"forEach goes over {len(step['of'])} items; {MOST_ROUNDS} are the most", (*where, "of"))
        loop = Loop(step["id"], step["of"], self._source, (*where, "of"))
        for item in self.steps((*where, "steps"), step.get("steps")):
            if item.loop or item.block or item.parallel:
                item.source.fail("neither a block, a parallel nor another loop can stand in a forEach", item.where)
            yield msgspec.structs.replace(item, loop=loop)

    def _parallel(self, where: Path, step: Mapping[str, Any]) -> Iterator[Placed]:
        found = list(self.steps((*where, "steps"), step.get("steps")))
        if not 1 < len(found) <= MOST_ABREAST:
            self._source.fail(f"a parallel has from 2 to {MOST_ABREAST} steps, and not {len(found)}", where)
        for item in found:
            if item.loop or item.block or item.parallel:
                item.source.fail("neither a block, a loop nor another parallel can stand in a parallel", item.where)
            yield msgspec.structs.replace(item, parallel=step["id"])


def _conditional(item: Placed, condition: Any) -> Placed:
    """The step, done only if `condition` holds as well."""
    if condition is None or not isinstance(item.value, dict):
        return item
    own = item.value.get("if")
    trivial = [text for text in (condition, own) if text in (None, True, "true")]
    both = f"({condition}) && ({own})" if not trivial else condition if own in trivial else own
    return msgspec.structs.replace(item, value={**item.value, "if": both})
