"""A log for a terminal: lines that say the same folded into one with a count, tracebacks to their exception, phases
as headings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vops.diagnosis.logs.reader import read_log
from vops.diagnosis.logs.reading import LogReading
from vops.model.patterns import lazy_pattern
from vops.render.replica import log_line
from vops.render.text import Line, Span, Tone, line

_VARIES = lazy_pattern(r"0x[0-9a-f]+|\d+(?:[.,:]\d+)*", re.IGNORECASE)
_PREFIX = lazy_pattern(r"(?:\([^)]{1,80}\) )?(?:[A-Z]{4,8} [\d-]{5,10} [\d:]{8} \[[^\]]{1,80}\] ?)?")
_IN_TRACEBACK = ("  ", "Traceback ", "During handling of", "The above exception")
_TRACEBACK = "Traceback (most recent call last):"
ENOUGH = 3
"""Lines that differ in nothing but numbers are folded from this many on."""


def folded_log(text: str, *, phases: bool = False) -> list[Line]:
    """The lines of a scrubbed log; with `phases`, a heading where each phase of the start begins."""
    reading = read_log(text)
    headings = _headings(reading) if phases else {}
    lines: list[Line] = []
    for group in _groups(text.splitlines(), headings):
        number, texts = group
        if heading := headings.get(number):
            lines.append(line(Span(f"── {heading} ", Tone.ACCENT)))
        lines += _shown(texts)
    return lines


def _headings(reading: LogReading) -> dict[int, str]:
    """The name of the phase that begins at a line, with how long it took."""
    found = {}
    for phase in reading.phases:
        took = "" if phase.duration_s is None else f" {phase.duration_s:.0f}s"
        found[phase.line] = f"{phase.stage}{took}"
    return found


def _groups(lines: list[str], headings: Mapping[int, str]) -> Iterator[tuple[int, list[str]]]:
    """Lines that belong together, each group with the number of its first; a heading begins a new one."""
    start, group, inside = 1, list[str](), False
    for number, text in enumerate(lines, 1):
        traceback = _TRACEBACK in text
        same = bool(group) and not inside and not traceback and shape(text) == shape(group[-1])
        in_traceback = inside and _goes_on(text)
        if group and (number in headings or not (same or in_traceback)):
            if inside and number not in headings and not traceback:
                group.append(text)  # the exception itself ends its traceback
                yield start, group
                start, group, inside = number + 1, [], False
                continue
            yield start, group
            start, group = number, []
        inside = inside or traceback
        group.append(text)
    if group:
        yield start, group


def _goes_on(text: str) -> bool:
    """Whether a line is inside a traceback, not the exception that ends it."""
    match = _PREFIX.match(text)
    rest = text[match.end() :] if match else text
    return not rest.strip() or rest.startswith(_IN_TRACEBACK)


def shape(text: str) -> str:
    """What is left of a line when its numbers are taken out."""
    return _VARIES.sub("#", text[:400])


def _shown(texts: list[str]) -> list[Line]:
    if _TRACEBACK in texts[0] and len(texts) > ENOUGH:
        return [
            log_line(texts[0]),
            line(Span(f"    … {len(texts) - 2} lines of the traceback", Tone.DIM)),
            log_line(texts[-1]),
        ]
    if len(texts) < ENOUGH or _TRACEBACK in texts[0]:
        return [log_line(text) for text in texts]
    return [
        log_line(texts[0]),
        line(Span(f"    … {len(texts) - 2} more like it", Tone.DIM)),
        log_line(texts[-1]),
    ]
