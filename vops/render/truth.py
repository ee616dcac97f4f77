"""The truth line: how far each source can be believed right now, and what looking costs the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from vops.model.snapshot import Source, SourceState, SourceStatus
from vops.model.text import one_line
from vops.render import units
from vops.render.states import source_look
from vops.render.text import Line, Span, Tone

_SHORT = {Source.DEPLOYMENTS: "deploy", Source.REPLICASETS: "rs", Source.STATEFULSETS: "sts",
          Source.AUTOSCALERS: "hpa", Source.SCALED_OBJECTS: "keda", Source.SERVICES: "svc"}  # fmt: skip
_TROUBLED = (SourceState.RETRYING, SourceState.STALE, SourceState.DENIED)
_ORDER = (*_TROUBLED, SourceState.LOADING, SourceState.LIVE, SourceState.POLLED)
_SHOWS_AGE = (SourceState.POLLED, SourceState.RETRYING, SourceState.STALE)


def truth_line(sources: Sequence[SourceStatus], now: datetime) -> Line:
    """Every source that was asked: what fails comes first and says what happened, the rest is grouped by state."""
    if not sources:
        return connecting_line(0.0)
    spans: list[Span] = [Span(" ")]
    for state in _ORDER:
        spans += _group(state, [item for item in sources if item.state is state], now)
    return tuple(spans)


LONG_S = 5.0
"""How long a connection takes at most that nobody has to be told about."""


def connecting_line(waited_s: float) -> Line:
    """Nobody has answered yet; after a while for how long, and what it may be waiting for."""
    if waited_s < LONG_S:
        return (Span(" ◌ CONNECTING", Tone.ACCENT),)
    return (
        Span(f" ◌ CONNECTING for {units.duration(waited_s)}", Tone.ACCENT),
        Span("  a login plugin may wait for you · c another context", Tone.DIM),
    )


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


class ContextState(NamedTuple):
    """One of several contexts: what it is called, its sources, why there is no connection to it and what to try."""

    name: str
    sources: Sequence[SourceStatus]
    failure: str = ""
    hint: str = ""


def contexts_line(contexts: Sequence[ContextState], now: datetime) -> Line:
    """Of each context the state of the source that can be believed least; those in trouble come first."""
    told = [(_context_rank(item), _context_spans(item, now)) for item in contexts]
    spans = [Span(" ")]
    for _, found in sorted(told, key=lambda pair: pair[0]):
        spans += found
    return tuple(spans)


def _context_rank(item: ContextState) -> int:
    worst = _worst(item)
    return -1 if item.failure else len(_ORDER) if worst is None else _ORDER.index(worst)


def _worst(item: ContextState) -> SourceState | None:
    return next((state for state in _ORDER if any(status.state is state for status in item.sources)), None)


def _context_spans(item: ContextState, now: datetime) -> list[Span]:
    if item.failure:
        return [Span(f"✗ {item.name} NOT CONNECTED  ", Tone.BAD)]
    worst = _worst(item)
    if worst is None:
        return [Span(f"◌ {item.name} CONNECTING  ", Tone.ACCENT)]
    glyph, tone = source_look(worst)
    members = [status for status in item.sources if status.state is worst]
    return [Span(f"{glyph} {item.name} {str(worst).upper()}{_age(worst, members, now)}  ", tone)]


TURN_S = 6
"""How long each of several outages is told before it is the next one's turn."""


def outages_line(contexts: Sequence[ContextState], now: datetime) -> Line:
    """What fails in contexts of several, one after the other; those without a connection come first."""
    failed = [_failed_line(item) for item in contexts if item.failure]
    told = [*failed, *(outage_line(item.sources, now, item.name) for item in contexts if not item.failure)]
    found = [spans for spans in told if spans]
    if len(found) < 2:
        return found[0] if found else ()
    turn = int(now.timestamp()) // TURN_S % len(found)
    return (Span(f" {turn + 1}/{len(found)}", Tone.DIM), *found[turn])


def _failed_line(item: ContextState) -> Line:
    hint = f"  {one_line(item.hint, 200)}" if item.hint else ""
    return (Span(f" ✗ {item.name}: ", Tone.BAD), Span(one_line(item.failure, 300)), Span(hint, Tone.DIM))


def outage_line(sources: Sequence[SourceStatus], now: datetime, context: str = "") -> Line:
    """What fails, since when and with which words; empty when nothing does. Names the context, if one is given."""
    failing = [item for item in sources if item.state in (SourceState.RETRYING, SourceState.STALE)]
    if not failing:
        return ()
    first = min(failing, key=lambda item: item.at.timestamp() if item.at else 0.0)
    age = units.age_s(first.at, now)
    since = f"since {units.clock(first.at)}, {units.duration(age)} ago" if first.at else "from the start"
    names = ", ".join(_short(item) for item in failing)
    detail = one_line(first.detail, 200)
    return (
        Span(f" ↻ {context}: no fresh {names} {since} " if context else f" ↻ no fresh {names} {since} ", Tone.WARN),
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
