"""The failures in a log that vops knows: each cause once, with how often it was logged and where last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vops.diagnosis.rule import discover
from vops.model.patterns import lazy_pattern
from vops.model.text import one_line
from vops.render.text import Line, Span, Tone, line

_MAYBE = lazy_pattern(
    r"[Ee]rror|ERROR|[Ee]xception|CRITICAL|FATAL|[Ff]atal|[Kk]illed|[Rr]efused|[Dd]enied|[Ff]ailed|WARN|of memory"
)
"""What a line that tells of a failure holds: few lines are held against all signatures."""
_ALWAYS = lazy_pattern(r"destroy_process_group\(\) was not called before program exit")
"""What every engine says that ends without being told to, whatever ended it."""
MOST = 6


class KnownError(NamedTuple):
    """One cause: how often a line told of it, the number of the last such line, and its text."""

    cause: str
    times: int
    last: int
    text: str


def known_errors(lines: Iterable[tuple[int, str]]) -> list[KnownError]:
    """What the rules about logs recognise in numbered lines; the one that was logged last comes first."""
    rules = [(item.cause, item.signature) for item in discover() if item.signature is not None]
    found: dict[str, KnownError] = {}
    for number, text in lines:
        if not _MAYBE.search(text) or _ALWAYS.search(text):
            continue
        cause = next((cause for cause, signature in rules if signature.search(text)), "")
        if cause:
            times = found[cause].times if cause in found else 0
            found[cause] = KnownError(cause, times + 1, number, text)
    return sorted(found.values(), key=lambda item: -item.last)


def error_lines(found: Sequence[KnownError]) -> list[Line]:
    """A line for each cause: how often, and what was said last."""
    lines = [
        line(
            Span(f"✗ {item.cause}", Tone.BAD),
            Span(f" ×{item.times}  " if item.times > 1 else "  ", Tone.STRONG),
            Span(one_line(item.text, 200), Tone.DIM),
        )
        for item in found[:MOST]
    ]
    rest = len(found) - MOST
    return [*lines, line(Span(f"… {rest} other causes", Tone.DIM))] if rest > 0 else lines
