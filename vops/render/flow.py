"""The way from a finding to a verified fix, as lines: what one agrees to, how it goes, what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from vops.diagnosis.findings import Finding, Fix
from vops.errors import VopsError
from vops.planning.plan import Decision, Plan
from vops.render.impact import impact_lines
from vops.render.stakes import at_stake
from vops.render.states import severity_look
from vops.render.text import Line, Span, Tone, line

_STEP: dict[str, tuple[str, Tone]] = {
    "planned": ("○", Tone.DIM),
    "running": ("◐", Tone.ACCENT),
    "done": ("✓", Tone.GOOD),
    "skipped": ("·", Tone.DIM),
    "waiting": ("!", Tone.WARN),
    "failed": ("✗", Tone.BAD),
    "undone": ("↶", Tone.WARN),
    "unknown": ("?", Tone.WARN),
}
_ENDING: dict[str, tuple[str, Tone, str]] = {
    "nothing": ("✓", Tone.GOOD, "nothing to do: everything is as wished already"),
    "applied": ("✓", Tone.GOOD, "applied"),
    "fixed": ("✓", Tone.GOOD, "fixed: observed again, the cause is gone and all replicas serve"),
    "changed": ("▲", Tone.WARN, "the cause is gone, and another stands in the way"),
    "unchanged": ("✗", Tone.BAD, "applied, and the cause is still there"),
    "waiting": ("▲", Tone.WARN, "what is left is for a person"),
    "failed": ("✗", Tone.BAD, "stopped by an error"),
}


def finding_lines(finding: Finding) -> list[Line]:
    """What is to be fixed, in two lines."""
    glyph, tone = severity_look(finding.severity)
    return [
        line(Span(f"{glyph} {finding.cause}", tone), Span(f"  {finding.confidence}", Tone.DIM)),
        line(Span(f"  {finding.summary}")),
    ]


def manual_lines(fix: Fix) -> list[Line]:
    """A fix that only a person can do."""
    lines = [line(Span("by hand  ", Tone.WARN), Span(fix.title, Tone.STRONG)), ()]
    return lines + [line(Span(f"  {number}. ", Tone.DIM), step) for number, step in enumerate(fix.steps, 1)]


def agreement_lines(plan: Plan) -> list[Line]:
    """What one says yes to: the cluster, whom it takes away, and each object with its uid and what happens to it."""
    lines = [line(Span("context    ", Tone.DIM), Span(plan.cluster.context, Tone.STRONG))]
    lines += impact_lines(plan.impacts)
    if plan.impacts == ():
        lines.append(line(Span("● at stake: ", Tone.GOOD), at_stake(plan)))
    for change in plan.changes:
        target = change.target
        lines += [
            line(Span("namespace  ", Tone.DIM), Span(target.namespace or "–", Tone.STRONG)),
            line(Span("object     ", Tone.DIM), Span(f"{target.kind.lower()}/{target.name}", Tone.STRONG)),
            line(Span("uid        ", Tone.DIM), Span(target.uid)),
            line(Span("change     ", Tone.DIM), Span(f"{change.verb}: {change.summary}")),
        ]
    lines += [line(Span("▲ ", Tone.WARN), note) for note in plan.notes]
    return lines


def run_lines(plan: Plan, states: dict[str, tuple[str, str]]) -> list[Line]:
    """The steps of a run with the state and the last message of each; `states` by step id."""
    lines = []
    for step in plan.steps:
        if step.decision is Decision.SKIPPED:
            continue
        state, message = states.get(step.id, ("done" if step.decision is Decision.SEEN else "planned", ""))
        glyph, tone = _STEP[state]
        title = Span(step.title or step.kind, Tone.DIM if state == "planned" else Tone.STRONG)
        lines.append(line(Span(f"{glyph} {state:<8} ", tone), title))
        if message and message != step.title:
            lines.append(line(Span(f"           {message}", Tone.DIM if state != "failed" else Tone.BAD)))
    return lines


def ending_lines(outcome: str, summary: str, error: VopsError | None, notes: Sequence[str] = ()) -> list[Line]:
    """How a run ended: the verdict, the error with its hint, and what one may do next."""
    glyph, tone, words = _ENDING[outcome]
    lines = [line(Span(f"{glyph} {words}", tone))]
    if summary:
        lines.append(line(Span(f"  {summary}")))
    if error is not None:
        lines += [line(Span(f"  {text}", tone)) for text in error.message.splitlines()]
        lines += next_lines(error.hint)
    return lines + [line(Span(f"  {note}", Tone.DIM)) for note in notes]


def next_lines(hint: str) -> list[Line]:
    """What to do next; what follows its first line, such as a Role to apply, stands as it is."""
    first, *rest = hint.splitlines() or [""]
    return [line(Span("  next: ", Tone.DIM), Span(first)), *(line(Span(f"  {text}")) for text in rest)] if hint else []
