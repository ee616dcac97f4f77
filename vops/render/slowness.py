"""Why a server is slow, in lines: the verdict, where the time goes, and the step that helps."""

from __future__ import annotations

from typing import Any

from vops.diagnosis.findings import Fix, Pace, Slowness
from vops.model.text import one_line
from vops.render import units
from vops.render.text import Line, Span, Tone, line

_LOOKS = {Pace.SLOW: ("▲", Tone.WARN), Pace.NOT_SLOW: ("●", Tone.GOOD), Pace.UNKNOWN: ("–", Tone.DIM)}


def slowness_lines(found: Slowness, *, stale: bool = False) -> list[Line]:
    """The verdict in one line, then what it rests on, then what to do about it."""
    lines = [slowness_line(found, stale=stale)]
    if parts := _parts(found):
        lines.append(line(Span(f"  {parts}", Tone.DIM)))
    return [*lines, *_help_lines(found, found.fix)] if found.fix is not None else lines


def slowness_line(found: Slowness, *, stale: bool = False) -> Line:
    """The verdict alone; of numbers that are no longer current it is what was last known."""
    glyph, tone = _LOOKS[found.pace]
    said = one_line(found.summary, 300)
    return line(Span(f"{glyph} last known: {said}", Tone.DIM) if stale else Span(f"{glyph} {said}", tone))


def _parts(found: Slowness) -> str:
    """`queue 3.20s + prefill 310ms of 3.51s · 31ms between tokens · 45% cached`: what is known of it."""
    words = []
    if found.ttft_s is not None:
        spent = [(name, value) for name, value in (("queue", found.queue_s), ("prefill", found.prefill_s))]
        known = " + ".join(f"{name} {units.latency(value)}" for name, value in spent if value is not None)
        words.append(f"first token {units.latency(found.ttft_s)}" + (f" = {known}" if known else ""))
    words += [f"{units.latency(found.itl_s)} between tokens"] if found.itl_s is not None else []
    words += [f"{units.percent(found.hit_rate)} of prompts cached"] if found.hit_rate is not None else []
    words += [f"{found.preemptions_per_s:.1f} preemptions/s"] if found.preemptions_per_s else []
    words += [f"over {found.window_s:.0f} s"] if words and found.window_s is not None else []
    return " · ".join(words)


def _help_lines(found: Slowness, fix: Fix) -> list[Line]:
    steps = [line(Span("  → ", Tone.ACCENT), step) for step in found.steps]
    return [*steps, line(Span(f"    {fix.command}", Tone.ACCENT))] if fix.command else steps


def slowness_document(found: Slowness | None) -> dict[str, Any] | None:
    """The verdict for programs; null where nobody judged."""
    if found is None:
        return None
    return {
        "pace": str(found.pace),
        "part": None if found.part is None else str(found.part),
        "summary": found.summary,
        "ttft_s": found.ttft_s,
        "queue_s": found.queue_s,
        "prefill_s": found.prefill_s,
        "itl_s": found.itl_s,
        "prefix_hit_rate": found.hit_rate,
        "preemptions_per_s": found.preemptions_per_s,
        "window_s": found.window_s,
        "steps": list(found.steps),
        "command": found.fix.command if found.fix is not None else "",
    }
