"""What came of a load, as text."""

from __future__ import annotations

from vops.model.load import LoadResult
from vops.render.text import Line, Span, Tone, columns, line
from vops.render.units import UNKNOWN, latency


def load_lines(found: LoadResult) -> list[Line]:
    """How many requests went well, how fast, the last failure, and what each server spent its time on."""
    tone = Tone.BAD if found.failed else Tone.GOOD
    rows = [
        (Span("first token"), Span(latency(found.ttft_p50)), Span(latency(found.ttft_p95))),
        (Span("whole answer"), Span(latency(found.latency_p50)), Span(latency(found.latency_p95))),
    ]
    speed = UNKNOWN if found.tokens_per_s is None else f"{found.tokens_per_s:.1f} tokens/s"
    lines = [
        line(Span(found.model, Tone.STRONG), f"  {found.requests} requests in {found.seconds:.0f} s, {speed}"),
        *columns(("", "P50", "P95"), rows),
        line(Span(f"{found.failed} failed", tone)),
    ]
    lines += [line(Span(f"  last failure: {found.error}", Tone.DIM))] if found.error else []
    for server in found.servers:
        lines.append(line(Span(f"{server.pod}  ", Tone.DIM), server.summary))
        lines += [line(Span("  → ", Tone.ACCENT), step) for step in server.steps]
    return lines
