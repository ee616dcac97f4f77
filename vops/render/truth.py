"""The truth line: how far each source can be believed right now, and what looking costs the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vops.model.snapshot import Source, SourceState, SourceStatus
from vops.model.text import one_line
from vops.render import units
from vops.render.states import source_look
from vops.render.text import Line, Span, Tone

_SHORT = {Source.DEPLOYMENTS: "deploy", Source.REPLICASETS: "rs", Source.STATEFULSETS: "sts",
          Source.AUTOSCALERS: "hpa", Source.SCALED_OBJECTS: "keda"}  # fmt: skip
_TROUBLED = (SourceState.RETRYING, SourceState.STALE, SourceState.DENIED)
_ORDER = (*_TROUBLED, SourceState.LOADING, SourceState.LIVE, SourceState.POLLED)
_SHOWS_AGE = (SourceState.POLLED, SourceState.RETRYING, SourceState.STALE)


def truth_line(sources: Sequence[SourceStatus], now: datetime) -> Line:
    """Every source that was asked: what fails comes first and says what happened, the rest is grouped by state."""
    if not sources:
        return (Span(" ◌ CONNECTING", Tone.ACCENT),)
    spans: list[Span] = [Span(" ")]
    for state in _ORDER:
        spans += _group(state, [item for item in sources if item.state is state], now)
    return tuple(spans)


def _group(state: SourceState, members: Sequence[SourceStatus], now: datetime) -> list[Span]:
    """All sources of one state, with the age of the oldest where age matters."""
    if not members:
        return []
    glyph, tone = source_look(state)
    age = _age(state, members, now)
    names = " ".join(_short(item) for item in members)
    return [
        Span(f"{glyph} {str(state).upper()}{age} ", tone),
        Span(f"{names}  ", tone if state in _TROUBLED else Tone.DIM),
    ]


def _short(status: SourceStatus) -> str:
    """The name that kubectl knows a source by."""
    return _SHORT.get(status.source, str(status.source))


def pane_line(sources: Sequence[SourceStatus], of: Sequence[Source], now: datetime) -> Line:
    """Where one pane's data comes from, how old it is and how far it can be believed; what is not there is left out."""
    by_source = {item.source: item for item in sources}
    known = [by_source[source] for source in of if source in by_source]
    spans: list[Span] = []
    for state in _ORDER:
        members = [item for item in known if item.state is state]
        if members:
            glyph, tone = source_look(state)
            word = "" if state is SourceState.LIVE else f" {str(state).upper()}"
            names = " ".join(_short(item) for item in members)
            spans.append(Span(f"{glyph} {names}{word}{_age(state, members, now)}  ", tone))
    return tuple(spans)


def _age(state: SourceState, members: Sequence[SourceStatus], now: datetime) -> str:
    """The age of the oldest of them, where age matters."""
    ages = [age for item in members if (age := units.age_s(item.at, now)) is not None]
    return f" {units.duration(max(ages))}" if ages and state in _SHOWS_AGE else ""


def outage_line(sources: Sequence[SourceStatus], now: datetime) -> Line:
    """What fails, since when and with which words; empty when nothing does."""
    failing = [item for item in sources if item.state in (SourceState.RETRYING, SourceState.STALE)]
    if not failing:
        return ()
    first = min(failing, key=lambda item: item.at.timestamp() if item.at else 0.0)
    age = units.age_s(first.at, now)
    since = f"since {units.clock(first.at)}, {units.duration(age)} ago" if first.at else "from the start"
    names = ", ".join(_short(item) for item in failing)
    detail = one_line(first.detail, 200)
    return (
        Span(f" ↻ no fresh {names} {since} ", Tone.WARN),
        Span(f" {detail}" if detail else "", Tone.PLAIN),
        Span("  what is shown is the last that was known", Tone.DIM),
    )


def _short_bytes(size: float) -> str:
    """`820B`, `41kB`, `1.2MB`."""
    if size < 1000:
        return f"{size:.0f}B"
    return f"{size / 1e3:.0f}kB" if size < 1e6 else f"{size / 1e6:.1f}MB"


LATE_S = 0.1
"""A key press that waits longer than this is noticed."""


def cost_line(
    watches: int | None, requests_per_s: float | None, bytes_per_s: float | None = None, *, lag_s: float = 0.0
) -> Line:
    """What looking costs the API server, and how long a key press may wait here."""
    if watches is None and requests_per_s is None:
        return ()
    rate = units.UNKNOWN if requests_per_s is None else f"{requests_per_s:.0f}"
    read = "" if bytes_per_s is None else f"{_short_bytes(bytes_per_s)}/s · "
    late = lag_s >= LATE_S
    return (
        Span(f"{units.count(watches)} watches · {rate} req/s · {read}", Tone.DIM),
        Span(f"{'▲ ' if late else ''}lag {lag_s * 1000:.0f}ms ", Tone.WARN if late else Tone.DIM),
    )
