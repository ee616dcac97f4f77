"""The part of a description that stands in a text of somebody's own: without the prose above and below it."""

from __future__ import annotations

from itertools import takewhile

from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_outline import after_message

_OWN = lazy_pattern(
    r"\s|[A-Z][\w()/-]{0,40}(?: [A-Z(][\w()/-]{0,40}){0,4}(?: from)?:(?:\s|$)|[a-z0-9-]{1,63}:\s*$"
    r"|(?:Type|Normal|Warning|-{4})\s"
)
"""Lines as descriptions have them: moved in, a heading, a container's name, or a row of a table."""

_LONGEST_MESSAGE = 4


def cut_out(text: str, first: int) -> str:
    """The lines of a description around the one in which `first` (an offset) lies."""
    lines = text.splitlines()
    at = text.count("\n", 0, first)
    start = at
    while start and lines[start - 1].strip() and _OWN.match(lines[start - 1]):
        start -= 1
    end = at
    while end < len(lines) and _goes_on(lines, end):
        end = after_message(lines, end) or end + 1
    return "\n".join(lines[start:end])


def _goes_on(lines: list[str], at: int) -> bool:
    """Whether a line is a part of it: one as descriptions have them, or of a message that goes on before such a one."""
    if not lines[at].strip() or _OWN.match(lines[at]):
        return True
    after = takewhile(str.strip, lines[at : at + _LONGEST_MESSAGE])
    return any(line[:1].isspace() for line in after)
