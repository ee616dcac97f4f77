"""How states look: a glyph, a word and a tone each, so that none of the three is ever needed alone."""

from __future__ import annotations

from vops.diagnosis.findings import Severity
from vops.diagnosis.states import ReplicaState
from vops.model.snapshot import SourceState
from vops.render.text import Span, Tone

_REPLICA: dict[ReplicaState, tuple[str, Tone]] = {
    ReplicaState.READY: ("●", Tone.GOOD),
    ReplicaState.LOADING: ("◐", Tone.ACCENT),
    ReplicaState.CREATING: ("◔", Tone.ACCENT),
    ReplicaState.PENDING: ("○", Tone.WARN),
    ReplicaState.NOT_READY: ("▲", Tone.WARN),
    ReplicaState.CRASH_LOOPING: ("✗", Tone.BAD),
    ReplicaState.FAILED: ("✗", Tone.BAD),
    ReplicaState.TERMINATING: ("↓", Tone.DIM),
    ReplicaState.COMPLETED: ("✓", Tone.DIM),
}
_URGENCY = (
    ReplicaState.CRASH_LOOPING,
    ReplicaState.FAILED,
    ReplicaState.NOT_READY,
    ReplicaState.PENDING,
    ReplicaState.CREATING,
    ReplicaState.LOADING,
    ReplicaState.TERMINATING,
    ReplicaState.READY,
    ReplicaState.COMPLETED,
)
_SOURCE: dict[SourceState, tuple[str, Tone]] = {
    SourceState.LOADING: ("◌", Tone.ACCENT),
    SourceState.LIVE: ("●", Tone.GOOD),
    SourceState.POLLED: ("◑", Tone.GOOD),
    SourceState.RETRYING: ("↻", Tone.WARN),
    SourceState.STALE: ("▲", Tone.WARN),
    SourceState.DENIED: ("⊘", Tone.BAD),
    SourceState.ABSENT: ("·", Tone.DIM),
}
_SEVERITY: dict[Severity, tuple[str, Tone]] = {
    Severity.ERROR: ("✗", Tone.BAD),
    Severity.WARNING: ("▲", Tone.WARN),
    Severity.INFO: ("●", Tone.ACCENT),
}


def state_span(state: ReplicaState) -> Span:
    """Glyph and word of a replica's state."""
    glyph, tone = _REPLICA[state]
    return Span(f"{glyph} {state}", tone)


def urgency(state: ReplicaState) -> int:
    """0 for what needs a person first."""
    return _URGENCY.index(state)


def source_look(state: SourceState) -> tuple[str, Tone]:
    """Glyph and tone of a source's state."""
    return _SOURCE[state]


def severity_look(severity: Severity) -> tuple[str, Tone]:
    """Glyph and tone of a finding's severity."""
    return _SEVERITY[severity]
