"""The card of a run that has gone well: for some minutes it says whether its workload stays well, and who took the
change back if somebody did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vops.diagnosis.aftermath import Aftermath
from vops.model.text import one_line
from vops.planning.holding import Overwritten
from vops.render import units
from vops.render.text import Line, Span, Tone, line


def card_lines(
    found: Sequence[Aftermath], others: Sequence[Overwritten], ended: datetime, until: datetime, now: datetime
) -> list[Line]:
    """The verdict with the time that is left, a line of numbers for each workload, and what others have written."""
    lines = [_verdict(found, others, ended, until, now)]
    for item in found:
        lines.append(line(Span(f"  {item.ref}", Tone.STRONG), Span(f"  {_numbers(item)}", Tone.DIM)))
        lines += [line(Span(f"  ▲ {text}", Tone.WARN)) for text in item.worse]
    return lines + [line(Span(f"  ✗ {_overwritten(item)}", Tone.BAD)) for item in others]


def worst_of(found: Sequence[Aftermath], others: Sequence[Overwritten]) -> str:
    """What is wrong since the run ended, in one line; empty when all is well."""
    words = [_overwritten(item) for item in others] + [text for item in found for text in item.worse]
    return "; ".join(words)


def _verdict(
    found: Sequence[Aftermath], others: Sequence[Overwritten], ended: datetime, until: datetime, now: datetime
) -> Line:
    watched = units.duration((min(now, until) - ended).total_seconds())
    rest = f" of {units.duration((until - ended).total_seconds())} watched" if now < until else ", no longer watched"
    if others:
        return line(Span(f"✗ taken back by somebody  {watched}{rest}", Tone.BAD))
    if any(item.worse for item in found):
        return line(Span(f"▲ worse than before  {watched}{rest}", Tone.WARN), Span("  u takes it back", Tone.STRONG))
    if not found:
        return line(Span(f"● what was written is still there  {watched}{rest}", Tone.GOOD))
    return line(Span(f"● stays well  {watched}{rest}", Tone.GOOD))


def _numbers(item: Aftermath) -> str:
    before = f" (before {units.latency(item.ttft_before_s)})" if item.ttft_before_s is not None else ""
    return (
        f"{item.ready} of {item.desired} ready (before {item.ready_before})  ·  restarts {item.restarts}"
        f"  ·  warnings {item.warnings}  ·  failed requests {units.count(item.failed)}"
        f"  ·  TTFT p95 {units.latency(item.ttft_p95_s)}{before}"
    )


def _overwritten(item: Overwritten) -> str:
    if not item.pointer:
        return one_line(f"{item.target} is {item.now}", 200)
    at = f" at {item.at}" if item.at else ""
    return one_line(f"{item.by or 'somebody'} wrote {item.pointer} of {item.target}{at}: it is {item.now} now", 300)
