"""A plan as a colleague would tell it: what changes and why, who owns the fields, what keeps it from running."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from ruamel.yaml import YAML

from vops.model.quantities import format_duration
from vops.model.resources import Ref
from vops.planning.changes import Change, Verb
from vops.planning.diff import DiffLine, Sign, diff_lines, repository_patch
from vops.planning.plan import Decision, Gate, OnFail, Plan, PlannedStep
from vops.render.text import Line, Span, Tone, line

_DIFF_TONE: dict[Sign, Tone] = {"+": Tone.ADDED, "-": Tone.REMOVED, " ": Tone.DIM}
_MARK = {Decision.DO: "•", Decision.SEEN: "✓", Decision.DONE: "="}
_SIGN = {
    Verb.PATCH: ("~", Tone.WARN),
    Verb.APPLY: ("~", Tone.WARN),
    Verb.CREATE: ("+", Tone.ADDED),
    Verb.DELETE: ("-", Tone.REMOVED),
    Verb.EVICT: ("-", Tone.REMOVED),
}
_MAKES = (Verb.APPLY, Verb.CREATE)
_GATE = {Gate.CONFIRM: "asks first", Gate.TYPE_NAME: "its name has to be typed", Gate.INSTRUCT: "for you to do"}
_ON_FAIL = {
    OnFail.CONTINUE: "goes on if it fails",
    OnFail.UNDO: "all is taken back if it fails",
    OnFail.ASK: "asks what to do if it fails",
}
_SECTION = {"rescue": "only after a failure", "always": "whatever happens"}
_CONTENTS = ("spec:", "data:", "status:", "rules:", "webhooks:", "  annotations:", "  labels:", "  finalizers:")
"""Where an object's contents begin in its YAML."""


def plan_lines(plan: Plan) -> list[Line]:
    """The plan from its title to the reasons it may not be applied."""
    lines = [
        line(Span(plan.title, Tone.STRONG), Span(f"  {plan.runbook}, risk {plan.risk}", Tone.DIM)),
        line(Span("context ", Tone.DIM), plan.cluster.context, Span(f"  {_targets(plan.locks)}", Tone.DIM)),
    ]
    for step in plan.steps:
        lines += _step_lines(step)
    lines += [line(Span("owner: ", Tone.DIM), f"{item.kind} {item.name}: {item.effect}") for item in plan.owners]
    lines += [line(Span(f"? not verified by a dry run: {text}", Tone.WARN)) for text in plan.unverified]
    for guard in plan.blocked:
        lines.append(line(Span(f"✗ {guard.name}: {guard.detail}", Tone.BAD)))
        if guard.instead:
            lines.append(line(f"  next: {guard.instead}"))
    lines.append(line(Span(_footer(plan), Tone.DIM)))
    return lines


def _targets(refs: Iterable[Ref]) -> str:
    return ", ".join(str(ref) for ref in refs)


def _step_lines(step: PlannedStep) -> list[Line]:
    """What a step does, why, on what, and what comes of a failure; nothing of a look that has nothing to say."""
    if step.decision is Decision.SKIPPED or (step.decision is Decision.SEEN and not step.says):
        return []
    title = step.title or step.id
    if step.decision is Decision.DONE:
        because = f": {step.because}" if step.kind == "assert" else ": as wished already"
        return [line(Span(f"{_MARK[step.decision]} {title}{because}", Tone.DIM))]
    lines = [line(Span(f"{_MARK[step.decision]} ", Tone.ACCENT), title, Span(_terms(step), Tone.DIM))]
    if step.why and step.changes:
        lines.append(line(Span(f"    because {step.why[:1].lower()}{step.why[1:]}", Tone.DIM)))
    lines += [line(f"    {text}") for said in step.says for text in said.splitlines()]
    for change in step.changes:
        lines += plan_change_lines(change)
    return lines


def _terms(step: PlannedStep) -> str:
    """Under which condition, for how long, after whose word, and what a failure leads to; empty for a look."""
    if step.decision is not Decision.DO:
        return ""
    words = [f"if {step.condition}"] if step.condition else []
    words += [_SECTION[step.section]] if step.section in _SECTION else []
    words += [_GATE[step.gate]] if step.gate in _GATE else []
    words += [f"{format_duration(step.timeout_s)} at most"] if step.timeout_s else []
    words += [_ON_FAIL[step.on_fail]] if step.on_fail in _ON_FAIL else []
    return f"  ({', '.join(words)})" if words else ""


def plan_change_lines(change: Change) -> list[Line]:
    """One write in a plan: a new object by its size, any other by the lines that differ and those around them."""
    sign, tone = _SIGN[change.verb] if change.before or change.verb not in _MAKES else ("+", Tone.ADDED)
    head = [Span(f"    {sign} ", tone), Span(str(change.target), Tone.ACCENT)]
    if change.verb in _MAKES and not change.before:
        size = f"  new, {len(diff_lines(change))} lines (-o yaml prints them)"
        return [line(*head, Span(size, Tone.DIM))]
    if change.verb in (Verb.DELETE, Verb.EVICT):
        return [line(*head, Span(f"  {change.verb}", Tone.DIM))]
    body = [line(Span(f"      {item.sign} {item.text}", _DIFF_TONE[item.sign])) for item in _told(diff_lines(change))]
    return [line(*head), *body]


def _told(lines: Sequence[DiffLine]) -> Sequence[DiffLine]:
    """The diff without the identity of the object, which its head has told: it stands first, and does not change."""
    for at, item in enumerate(lines):
        if item.sign != " " or item.text.startswith(_CONTENTS):
            return lines[at:]
    return lines


def change_lines(change: Change) -> list[Line]:
    """The whole diff of one write under the object's name."""
    head = line(Span(f"    {change.verb} {change.target}", Tone.ACCENT), Span(f"  uid {change.target.uid}", Tone.DIM))
    body = [line(Span(f"      {item.sign} {item.text}", _DIFF_TONE[item.sign])) for item in diff_lines(change)]
    return [head, *body]


def _footer(plan: Plan) -> str:
    doing = [step for step in plan.steps if step.decision is Decision.DO]
    waits = [step.timeout_s for step in doing if step.timeout_s]
    parts = [_counted(len(plan.changes), "change")]
    parts.append(_counted(len(waits), "wait") + (f" of {format_duration(sum(waits))} at most" if waits else ""))
    asked = [step for step in doing if step.gate in (Gate.CONFIRM, Gate.TYPE_NAME)]
    parts += [_counted(len(asked), "question")] if asked else []
    parts += [f"{len(plan.instructions)} for you to do"] if plan.instructions else []
    return ", ".join(parts) + f"; valid until {plan.expires_at:%H:%M:%S} UTC"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def plan_yaml(plan: Plan) -> str:
    """Each change as the merge patch for the repository that holds the object, or as the object itself."""
    documents: list[Any] = [change.document or repository_patch(change) for change in plan.changes]
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump_all(documents, stream)
    return stream.getvalue()


def plan_document(plan: Plan | None, report: dict[str, Any]) -> bytes:
    """The `vops.fix/v1` document: the report, the plan, and whether there is anything to do."""
    document = {
        "schema": "vops.fix/v1",
        "report": report,
        "plan": None if plan is None else msgspec.to_builtins(plan),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
