"""The outline of a text as `kubectl describe` prints it: keys and values, one below the other by indentation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from textwrap import dedent

from vops.model.patterns import lazy_pattern

_KEYED = lazy_pattern(r"(?P<key>[^:\s][^:]{0,252}):(?:\s+(?P<value>\S.*))?$")
_MESSAGE = lazy_pattern(r"^\s+Message:\s")
_AFTER_MESSAGE = lazy_pattern(r"^\s+(?:Exit Code|Signal|Started|Finished):\s")
_DATED = lazy_pattern(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} ")
_ISO = lazy_pattern(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ")
"""Later days of a month are left out: not every month has them."""

_RFC1123 = "%a, %d %b %Y %H:%M:%S %z"
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
"""Times outside of these are misprints, and ages cannot be added to all of them."""

_DEEPEST = 40
_LONGEST_MESSAGE = 200
_NEW_LINE = "\\n"
"""Between the lines of a message, where the outline has it in one."""


class Entry:
    """One line with what stands below it; `text` is the whole line without its indentation."""

    def __init__(self, text: str = "", indent: int = -1) -> None:
        match = _KEYED.match(text)
        self.text = text
        self.indent = indent
        self.key = match["key"].strip() if match else ""
        self.value_text = (match["value"] or "").strip() if match else ""
        self.below: list[Entry] = []

    def find(self, key: str) -> Entry | None:
        """The first entry directly below with that key."""
        return next((item for item in self.below if item.key == key), None)

    def value(self, key: str) -> str:
        """The value of the entry with that key; empty when there is none, or it is `<none>` or `<unset>`."""
        found = self.find(key)
        text = found.value_text if found is not None else ""
        return "" if text in ("<none>", "<unset>", "<unknown>") else text

    def message(self) -> str:
        """The value of the entry `Message`, in as many lines as it had."""
        return self.value("Message").replace(_NEW_LINE, "\n")

    def lines(self, key: str) -> list[str]:
        """The value of an entry and the lines that go on below it: labels, taints, tolerations, arguments."""
        found = self.find(key)
        if found is None:
            return []
        values = [found.value_text, *(item.text for item in found.below)]
        return [item for item in values if item and item != "<none>"]

    def under(self, key: str) -> list[Entry]:
        """What stands below the entry with that key."""
        found = self.find(key)
        return found.below if found is not None else []

    def all(self, key: str = "") -> Iterator[Entry]:
        """Every entry at any depth (with that key)."""
        for item in self.below:
            if key in ("", item.key):
                yield item
            yield from item.all(key)


def outline(text: str) -> Entry:
    """The root of a text's outline; a container's message of several lines counts as one."""
    root = Entry()
    stack = [root]
    for line in _joined(dedent(text.expandtabs()).splitlines()):
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        entry = Entry(line.strip(), indent)
        while stack[-1].indent >= indent:
            stack.pop()
        stack[-1].below.append(entry)
        if len(stack) < _DEEPEST:
            stack.append(entry)
    return root


def moment(text: str) -> datetime | None:
    """A time as describe prints it, `Mon, 23 Nov 2026 23:44:50 +0000`; None for anything else."""
    if not _DATED.match(text):
        return None
    try:
        found = datetime.strptime(text, _RFC1123).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def iso_moment(text: str) -> datetime | None:
    """A time as the API has it, `2026-11-23T23:44:50Z`; None for anything else."""
    if not _ISO.fullmatch(text):
        return None
    found = datetime.fromisoformat(text)
    return found if _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def _joined(lines: list[str]) -> Iterator[str]:
    """The lines, those of a message that goes over several put behind each other."""
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if (after := after_message(lines, number - 1)) is not None:
            line = _NEW_LINE.join([line, *dedent("\n".join(lines[number:after])).splitlines()])
            number = after
        yield line


def after_message(lines: list[str], at: int) -> int | None:
    """The line behind a container's message that begins in one, however many lines it has; None where none begins."""
    if not _MESSAGE.match(lines[at]):
        return None
    rest = lines[at + 1 : at + 1 + _LONGEST_MESSAGE]
    return next((at + 1 + index for index, item in enumerate(rest) if _AFTER_MESSAGE.match(item)), None)
