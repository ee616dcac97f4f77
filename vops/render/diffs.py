"""A diff as a person reads it: what changes, its neighbours, and the way that leads there on one line.

Works on the lines of vops.planning.diff, by their indentation, and leaves out the identity of the object, which the
line above has told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vops.planning.diff import DiffLine

LONGEST = 24
"""A diff that is longer, folded already, is cut."""
_CONTENTS = ("spec:", "data:", "status:", "rules:", "webhooks:", "  annotations:", "  labels:", "  finalizers:")
"""Where an object's contents begin in its YAML."""


class Folded(NamedTuple):
    """The lines that are shown, and whether others were left out."""

    lines: tuple[DiffLine, ...]
    short: bool


def told(lines: Sequence[DiffLine]) -> Sequence[DiffLine]:
    """The diff without the identity of the object: it stands first, and does not change."""
    for at, item in enumerate(lines):
        if item.sign != " " or item.text.startswith(_CONTENTS):
            return lines[at:]
    return lines


def folded(lines: Sequence[DiffLine]) -> Folded:
    """The changed lines with what they stand under and what stands beside them."""
    tree = _Tree(told(lines))
    shown = tree.shown()
    more = len(shown) - LONGEST
    if more > 1:
        shown = [*shown[:LONGEST], DiffLine(" ", f"… {more} lines more")]
    return Folded(tuple(shown), more > 1 or len(tree.kept) < len(tree.lines))


class _Tree:
    """The lines of one diff, each with the line that it stands under (-1 for none)."""

    def __init__(self, lines: Sequence[DiffLine]) -> None:
        self.lines = lines
        self.parents = _parents(lines)
        self.kept = self._kept()

    def shown(self) -> list[DiffLine]:
        """The kept lines, each run of single keys joined to one, and a word where words of a list are missing."""
        found: list[DiffLine] = []
        joined: dict[int, str] = {}
        indents = {-1: 0}
        last = -1
        for at in sorted(self.kept):
            item, parent = self.lines[at], self.parents[at]
            above = indents[parent]
            joins = self._way(at) if parent < 0 else joined.get(parent)
            indents[at] = above if joins is not None else above + _indent(item.text) - self._indent(parent)
            text = self._text(at, joins or "")
            missing = at - last - 1
            if missing and self._is_word(at) and parent == self.parents[at - 1]:
                found.append(DiffLine(" ", f"{' ' * indents[at]}… {missing} more"))
            last = at
            if self._leads_on(at):
                joined[at] = f"{text.removesuffix(':')}."
            else:
                found.append(DiffLine(item.sign, " " * indents[at] + text))
        return found

    def _text(self, at: int, joins: str) -> str:
        """A line under what leads to it; an item is told by its name there."""
        name = self._name(at)
        return f"{joins.removesuffix('.')}[{name}]:" if joins and name else joins + self.lines[at].text.strip()

    def _way(self, at: int) -> str:
        """What stands above the first lines: nothing, or `metadata`, which begins with the object's identity."""
        return "metadata." if _indent(self.lines[at].text) else ""

    def _indent(self, at: int) -> int:
        return _indent(self.lines[at].text) if at >= 0 else 0

    def _kept(self) -> set[int]:
        kept: set[int] = set()
        for at, item in enumerate(self.lines):
            if item.sign == " ":
                continue
            for near in (at, *self._beside(at)):
                kept.add(near)
                while (near := self.parents[near]) >= 0 and near not in kept:
                    kept.add(near)
        return kept

    def _beside(self, at: int) -> list[int]:
        """The words before and after a word of a list, such as a flag and its value; what else changes needs none."""
        if not self._is_word(at):
            return []
        near = (at - 2, at - 1, at + 1)
        return [item for item in near if 0 <= item < len(self.lines) and self.parents[item] == self.parents[at]]

    def _is_word(self, at: int) -> bool:
        text = self.lines[at].text.strip()
        return text.startswith("- ") and not text.endswith(":") and ": " not in text

    def _leads_on(self, at: int) -> bool:
        """Whether nothing stands under a key but one other, a named item, or the old and the new value of one field."""
        if not self._is_key(at) and not self._name(at):
            return False
        children = [item for item in self.kept if self.parents[item] == at]
        if len(children) == 1 and (self._is_key(children[0]) or self._name(children[0])):
            return True
        fields = {self._field(item) for item in children}
        return len(fields) == 1 and "" not in fields

    def _is_key(self, at: int) -> bool:
        item = self.lines[at]
        return item.sign == " " and item.text.endswith(":") and not item.text.lstrip().startswith("- ")

    def _name(self, at: int) -> str:
        """The name of an item of a list under which something changes; empty for anything else."""
        item = self.lines[at]
        return item.text.strip().removeprefix("- name: ") if item.sign == " " and "- name: " in item.text else ""

    def _field(self, at: int) -> str:
        """The name of a changed field with a plain value; empty for anything else."""
        item = self.lines[at]
        name, colon, value = item.text.strip().partition(": ")
        return name if item.sign != " " and colon and value and not name.startswith("- ") else ""


def _parents(lines: Sequence[DiffLine]) -> list[int]:
    """The line that each stands under, by indentation; an item of a list stands as deep as the key of its list."""
    found: list[int] = []
    above: list[tuple[int, int]] = []
    for at, item in enumerate(lines):
        depth = 2 * _indent(item.text) + item.text.lstrip().startswith("- ")
        while above and above[-1][0] >= depth:
            above.pop()
        found.append(above[-1][1] if above else -1)
        above.append((depth, at))
    return found


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
